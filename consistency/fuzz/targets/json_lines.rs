//! Our own format, for each model.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_consistency::{KeyValue, MultiRegister, Mutex, Queue, Register, Set, Stack};
use quorate_consistency_fuzz::{json_lines, text};

const WORDS: &[&str] = &[
    "{\"process\":1,",
    "{\"process\":2,",
    "\"call_ns\":1,",
    "\"call_ns\":5,",
    "\"return_ns\":4,",
    "\"return_ns\":9,",
    "\"op\":\"read\",",
    "\"op\":{\"write\":1},",
    "\"op\":{\"get\":{\"key\":\"a\"}},",
    "\"op\":{\"put\":{\"key\":\"a\",\"value\":\"x\"}},",
    "\"op\":\"pop\",",
    "\"op\":{\"push\":1},",
    "\"op\":\"dequeue\",",
    "\"op\":{\"enqueue\":1},",
    "\"op\":{\"add\":1},",
    "\"op\":\"acquire\",",
    "\"result\":{\"ok\":null}}\n",
    "\"result\":{\"ok\":1}}\n",
    "\"result\":{\"ok\":[1,2]}}\n",
    "\"result\":{\"ok\":{\"value\":\"x\"}}}\n",
    "\"result\":\"failed\"}\n",
    "\"result\":\"unknown\"}\n",
    "\"level\":\"eventual\",",
    "\"session\":7,",
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "\\u0000",
    "1e400",
    "\n",
];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let text = text(WORDS, rest);
    match first % 7 {
        0 => json_lines(&Register::new(), &text),
        1 => json_lines(&KeyValue, &text),
        2 => json_lines(&Queue::new(), &text),
        3 => json_lines(&Stack::new(), &text),
        4 => json_lines(&Set::new(), &text),
        5 => json_lines(&MultiRegister::new(), &text),
        _ => json_lines(&Mutex::new(), &text),
    }
});
