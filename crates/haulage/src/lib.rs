//! haulage
