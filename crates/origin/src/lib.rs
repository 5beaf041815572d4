//! An HTTP origin that does what a script says.
