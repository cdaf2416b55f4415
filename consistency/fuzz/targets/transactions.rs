//! Transactions of Elle, AWDIT and Plume.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_consistency::formats::{Format, read_awdit, read_elle, read_plume};
use quorate_consistency_fuzz::{LIMITS, text};

const WORDS: &[&str] = &[
    "{:process 0, ",
    "{:process 1, ",
    ":type :invoke, ",
    ":type :ok, ",
    ":type :fail, ",
    ":type :info, ",
    ":f :txn, ",
    ":value [[:append 1 2]]}\n",
    ":value [[:r 1 nil]]}\n",
    ":value [[:r 1 [2]]]}\n",
    ":value [[:w 1 2] [:r 2 3]]}\n",
    "[:append ",
    "[:r ",
    "[:w ",
    "]",
    "[",
    "1 ",
    "2 ",
    "nil",
    "r 0 1\n",
    "w 0 1\n",
    "w 1 2\n",
    "-----\n",
    "=====\n",
    "r(0,1,2,3)\n",
    "w(0,1,2,3)\n",
    "w(",
    ",",
    ")",
    "\n",
    "18446744073709551615",
    "18446744073709551616",
    "-1",
    " ",
];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let text = text(WORDS, rest);
    let _ = Format::guess(&text);
    let _ = match first % 3 {
        0 => read_elle(&text[..], LIMITS),
        1 => read_awdit(&text[..], LIMITS),
        _ => read_plume(&text[..], LIMITS),
    };
});
