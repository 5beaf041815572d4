#![no_main]

use std::panic;

use haulage::source::list_being_decoded;
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: {
        let fail = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // What another crate's decoder does is an error of the list.
            if list_being_decoded().is_none() {
                fail(info);
            }
        }));
    },
    |data: &[u8]| haulage::fuzzing::parquet_list(data)
);
