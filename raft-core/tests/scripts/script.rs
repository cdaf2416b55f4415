//! Reads a script, runs it, and compares what it prints.

use std::fmt::Write as _;
use std::path::Path;

use crate::world::World;

/// One command, its arguments and input, and what it should print.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) name: String,
    pub(crate) words: Vec<String>,
    pub(crate) pairs: Vec<(String, String)>,
    pub(crate) input: String,
    line: usize,
    /// The line after which the output stands, and where it ends.
    output: (usize, usize),
    expected: String,
}

impl Command {
    pub(crate) fn pair(&self, key: &str) -> Option<&str> {
        let found = self.pairs.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn flag(&self, key: &str) -> Result<bool, String> {
        match self.pair(key) {
            None | Some("false") => Ok(false),
            Some("" | "true") => Ok(true),
            Some(other) => Err(format!("{key}={other} is neither true nor false")),
        }
    }

    /// A number, `default` where it is left out.
    pub(crate) fn number(&self, key: &str, default: u64) -> Result<u64, String> {
        self.pair(key).map_or(Ok(default), number)
    }

    pub(crate) fn numbers(&self, key: &str) -> Result<Vec<u64>, String> {
        let list = self.pair(key).unwrap_or_default();
        let list = list.trim_start_matches('(').trim_end_matches(')');
        let words = list.split([',', ' ']).filter(|word| !word.is_empty());
        words.map(number).collect()
    }

    pub(crate) fn ids(&self) -> Result<Vec<u64>, String> {
        self.words.iter().map(|word| number(word)).collect()
    }

    /// The word at a place, as a number.
    pub(crate) fn id(&self, at: usize) -> Result<u64, String> {
        let word = self.words.get(at);
        number(word.ok_or_else(|| format!("argument {} is missing", at + 1))?)
    }
}

fn number(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| format!("{word:?} is no number"))
}

/// Takes a command line apart: words, `key=value`, and `key=(a,b)`, also with blanks in the brackets.
fn parse_line(line: &str) -> (String, Vec<String>, Vec<(String, String)>) {
    let mut parts: Vec<String> = vec![String::new()];
    let mut depth = 0_usize;
    for letter in line.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if letter.is_whitespace() && depth == 0 {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
    }
    let mut parts = parts.into_iter().filter(|part| !part.is_empty());
    let name = parts.next().unwrap_or_default();
    let (pairs, words): (Vec<String>, Vec<String>) = parts.partition(|part| part.contains('='));
    let pair = |part: String| {
        let (key, value) = part.split_once('=').unwrap_or_default();
        (key.to_owned(), value.to_owned())
    };
    (name, words, pairs.into_iter().map(pair).collect())
}

/// The commands of a script. After `----` comes the output, up to an empty line, or to `----` twice if it
/// begins with that.
pub(crate) fn parse(text: &str) -> Result<Vec<Command>, String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut commands = Vec::new();
    let mut at = 0;
    while let Some(&line) = lines.get(at) {
        at += 1;
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let start = at;
        let mut whole = line.to_owned();
        while whole.ends_with('\\') {
            whole.pop();
            whole.push_str(lines.get(at).copied().unwrap_or_default());
            at += 1;
        }
        let (name, words, pairs) = parse_line(&whole);
        let mut input = String::new();
        loop {
            let line = lines.get(at);
            at += 1;
            match line {
                Some(&"----") => break,
                Some(line) => {
                    input.push_str(line);
                    input.push('\n');
                }
                None => return Err(format!("line {start}: no ---- after {name}")),
            }
        }
        let from = at;
        let is_long = lines.get(at) == Some(&"----");
        at += usize::from(is_long);
        let first = at;
        let is_end = |at: usize| match is_long {
            true => lines.get(at) == Some(&"----") && lines.get(at + 1) == Some(&"----"),
            false => lines[at].is_empty(),
        };
        while at < lines.len() && !is_end(at) {
            at += 1;
        }
        let expected = lines[first..at].iter().map(|line| format!("{line}\n"));
        let expected = expected.collect();
        at += if is_long { 2 } else { 0 };
        commands.push(Command {
            name,
            words,
            pairs,
            input,
            line: start,
            output: (from, at.min(lines.len())),
            expected,
        });
    }
    Ok(commands)
}

/// What of a script is compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Compared {
    Everything,
    /// What `raft-log` and `raft-state` print.
    States,
}

/// Runs a script. Gives how many outputs were compared, and what the script is with the outputs that came.
pub(crate) fn run(file: &Path, compared: Compared) -> Result<(usize, String), String> {
    let at = |line: usize| format!("{}:{line}", file.display());
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", at(0)))?;
    let commands = parse(&text).map_err(|error| format!("{}: {error}", at(0)))?;
    let lines: Vec<&str> = text.lines().collect();
    let mut world = World::default();
    let (mut rewritten, mut copied) = (String::new(), 0);
    let (mut count, mut wrong) = (0, String::new());
    for command in &commands {
        let printed = world
            .run(command)
            .map_err(|error| format!("{}: {}: {error}", at(command.line), command.name))?;
        for line in &lines[copied..command.output.0] {
            let _ = writeln!(rewritten, "{line}");
        }
        copied = command.output.1;
        rewritten.push_str(&printed);
        let is_state = matches!(command.name.as_str(), "raft-log" | "raft-state");
        if compared == Compared::States && !is_state {
            continue;
        }
        count += 1;
        if printed != command.expected {
            let (line, name) = (at(command.line), &command.name);
            let _ = writeln!(
                wrong,
                "{line}: {name} should print\n{}and prints\n{printed}",
                command.expected
            );
        }
    }
    for line in &lines[copied..] {
        let _ = writeln!(rewritten, "{line}");
    }
    let rewrites = compared == Compared::Everything
        && std::env::var_os("QUORATE_REWRITE").is_some_and(|value| value == "1");
    if wrong.is_empty() || rewrites {
        Ok((count, rewritten))
    } else {
        Err(wrong)
    }
}
