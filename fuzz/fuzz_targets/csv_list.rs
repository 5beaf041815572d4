#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| haulage::fuzzing::csv_list(data));
