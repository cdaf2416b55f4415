//! Logs of Jepsen and EDN, for each model that they are read for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_consistency::formats::{EventModel, Format, Notation, read_events};
use quorate_consistency::{
    Counter, KeyValue, MultiRegister, Mutex, PriorityQueue, Queue, Register, Set, Stack, Strings,
};
use quorate_consistency_fuzz::{LIMITS, judge, text};

const WORDS: &[&str] = &[
    "INFO  jepsen.util - ",
    "0\t",
    "1\t",
    "2 ",
    ":invoke\t",
    ":ok\t",
    ":fail\t",
    ":info\t",
    ":read\t",
    ":write\t",
    ":cas\t",
    ":append ",
    ":get ",
    ":put ",
    ":add ",
    ":enqueue ",
    ":dequeue ",
    ":push ",
    ":pop ",
    ":acquire ",
    ":release ",
    "nil\n",
    "1\n",
    "2\n",
    "[1 2]\n",
    "\"x\" ",
    ":timed-out\n",
    "{:process 0, ",
    "{:process 1, ",
    ":type :invoke, ",
    ":type :ok, ",
    ":type :fail, ",
    ":type :info, ",
    ":f :read, ",
    ":f :write, ",
    ":f :cas, ",
    ":f :get, ",
    ":f :append, ",
    ":f :put, ",
    ":f :add, ",
    ":f :enqueue, ",
    ":f :dequeue, ",
    ":f :acquire, ",
    ":value nil}\n",
    ":value 1}\n",
    ":value [1 2]}\n",
    ":key \"0\", ",
    ":value \"x 0 0 y\"}\n",
    ":value #{1 2}}\n",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    "#{",
    "\"",
    "\\",
    ";",
    "#inst",
    "#_",
    "^",
    "'",
    "18446744073709551616",
    "-9223372036854775808",
    "\n",
    " ",
    ",",
];

fn read<M: EventModel>(model: &M, text: &[u8], notation: Notation)
where
    M::Key: core::fmt::Debug,
{
    if let Ok(history) = read_events(model, text, notation, LIMITS) {
        judge(model, &history, false);
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, rest)) = bytes.split_first() else {
        return;
    };
    let text = text(WORDS, rest);
    let _ = Format::guess(&text);
    let notation = if first < 128 {
        Notation::Log
    } else {
        Notation::Edn
    };
    match first % 10 {
        0 => read(&Register::new(), &text, notation),
        1 => read(&KeyValue, &text, notation),
        2 => read(&Strings, &text, notation),
        3 => read(&Set::new(), &text, notation),
        4 => read(&Queue::new(), &text, notation),
        5 => read(&Stack::new(), &text, notation),
        6 => read(&PriorityQueue::new(), &text, notation),
        7 => read(&Counter::new(), &text, notation),
        8 => read(&MultiRegister::new(), &text, notation),
        _ => read(&Mutex::new(), &text, notation),
    }
});
