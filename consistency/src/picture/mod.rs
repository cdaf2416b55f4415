//! A page to look at: who asked what when, and where it stops making sense.

mod axis;
mod bars;
mod figure;
mod lanes;
mod objects;
mod page;
mod points;
#[cfg(test)]
mod tests;
mod text;

use alloc::string::String;
use core::fmt::{self, Write};

use crate::{History, Linearizability, Model};
use axis::Place;

/// A history as a page for a browser, with its verdict marked: a lane for each process, a bar for each
/// operation, and the order of the verdict as a line through them.
///
/// A verdict in words is short, and whoever has to mend the store wants to see what else went on at that
/// time. The page shows it to scale:
///
/// - An operation is a bar from its call to its return. Where nobody knows what came of it, the bar
///   has no end. One that failed is hatched.
/// - Of a [violation](crate::Violation), the operations that contradict each other stand out. Numbers,
///   and a line through them, show the order that goes as far as any, and the operations that cannot
///   come next have a cross, with what they would have answered.
/// - Of a history that holds, numbers show the order of the [witness](crate::Linearization).
/// - A stretch of time in which nothing begins or ends is cut out, and the cut says how long it was.
/// - Each object has its own drawing, the violated one first.
///
/// The page is one file without anything from elsewhere, and what it shows of the history is text: no
/// key or value can add markup or scripts. It can be read without scripts, without colours, as a table, and
/// by day and night; with scripts an operation that is pointed at shows what overlaps it.
///
/// It has a bounded size. Of a long history it shows the operations of the violation and those around
/// it, and says how many it left out. To fill it takes memory in proportion to the history. The same
/// history and verdict give the same page.
///
/// ```
/// use quorate_consistency::{
///     Budget, DebugLabels, History, Operation, Picture, Register, RegisterInput, RegisterOutput, check,
/// };
///
/// let history = History::from(vec![
///     Operation::ok(1, RegisterInput::Write(1), RegisterOutput::Written, 0, 1_000),
///     Operation::ok(2, RegisterInput::Read, RegisterOutput::Value(None), 2_000, 3_000),
/// ]);
/// let register = Register::new();
/// let verdict = check(&register, &history, Budget::default());
/// let page = Picture::new(&register, &history, &verdict)
///     .title("a stale read")
///     .to_html(&DebugLabels);
/// assert!(page.starts_with("<!DOCTYPE html>") && page.contains("a stale read"));
/// // Write it to a file, and open that in a browser.
/// ```
#[derive(Clone, Copy)]
pub struct Picture<'a, M: Model> {
    model: &'a M,
    history: &'a History<M::Input, M::Output>,
    told: Told<'a, M>,
    title: &'a str,
    times: Times,
    numbers: Option<&'a [usize]>,
    operations: usize,
}

/// What is known of a history.
enum Told<'a, M: Model> {
    Verdict(&'a Linearizability<M::Key, M::Output>),
    Undecided(&'a dyn fmt::Display),
}

impl<M: Model> Clone for Told<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Model> Copy for Told<'_, M> {}

/// What the times of a history count, for the axis of a [`Picture`].
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Times {
    /// Nanoseconds of one monotonic clock.
    #[default]
    Nanoseconds,
    /// Calls and returns, as in the logs of tests that write down no times.
    Events,
}

impl<'a, M: Model> Picture<'a, M> {
    /// A picture of a history and what came of its check.
    pub const fn new(
        model: &'a M,
        history: &'a History<M::Input, M::Output>,
        verdict: &'a Linearizability<M::Key, M::Output>,
    ) -> Self {
        Self::of(model, history, Told::Verdict(verdict))
    }

    /// A picture of a history that is not decided, for a reason of the caller's own, such as that its
    /// time is over.
    pub const fn undecided(
        model: &'a M,
        history: &'a History<M::Input, M::Output>,
        reason: &'a dyn fmt::Display,
    ) -> Self {
        Self::of(model, history, Told::Undecided(reason))
    }

    const fn of(
        model: &'a M,
        history: &'a History<M::Input, M::Output>,
        told: Told<'a, M>,
    ) -> Self {
        Self {
            model,
            history,
            told,
            title: "History",
            times: Times::Nanoseconds,
            numbers: None,
            operations: 150,
        }
    }

    /// What the page is of, such as the name of a file.
    #[must_use]
    pub const fn title(mut self, title: &'a str) -> Self {
        self.title = title;
        self
    }

    /// What the times count. Nanoseconds, if it is not said.
    #[must_use]
    pub const fn times(mut self, times: Times) -> Self {
        self.times = times;
        self
    }

    /// What each operation is called, if not by its position in the history: for each its number
    /// elsewhere, such as in the file that it was read from.
    #[must_use]
    pub const fn numbers(mut self, numbers: &'a [usize]) -> Self {
        self.numbers = Some(numbers);
        self
    }

    /// Draws at most this many operations of an object: those of the violation, then those nearest to
    /// it. 150, if it is not said. The page takes some kilobytes for each.
    #[must_use]
    pub const fn operations(mut self, limit: usize) -> Self {
        self.operations = limit;
        self
    }

    /// Writes the page.
    ///
    /// # Errors
    ///
    /// Those of `out`. What is written until then is not a whole page.
    pub fn write(&self, labels: &impl Labels<M>, out: &mut impl Write) -> fmt::Result {
        page::write(self, labels, out)
    }

    /// The page.
    pub fn to_html(&self, labels: &impl Labels<M>) -> String {
        let mut page = String::new();
        // A string takes everything.
        let _ = self.write(labels, &mut page);
        page
    }
}

impl<M: Model> fmt::Debug for Picture<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Picture")
            .field("title", &self.title)
            .field("times", &self.times)
            .field("operations", &self.operations)
            .finish_non_exhaustive()
    }
}

/// How a [`Picture`] calls keys, questions and answers.
///
/// The shorter, the more of it can be read without pointing at it: the writer takes some eighty
/// characters and is an error after that, which is to be handed on. There is no need to escape anything.
///
/// ```
/// use core::fmt::{self, Write};
/// use quorate_consistency::{Labels, Register, RegisterInput, RegisterOutput};
///
/// struct Short;
///
/// impl Labels<Register<u64>> for Short {
///     fn object(&self, (): &(), to: &mut dyn Write) -> fmt::Result {
///         to.write_str("the register")
///     }
///
///     fn input(&self, input: &RegisterInput<u64>, to: &mut dyn Write) -> fmt::Result {
///         match input {
///             RegisterInput::Read => to.write_str("read"),
///             RegisterInput::Write(value) => write!(to, "write {value}"),
///             RegisterInput::CompareAndSet { value, .. } => write!(to, "set {value}"),
///         }
///     }
///
///     fn output(&self, output: &RegisterOutput<u64>, to: &mut dyn Write) -> fmt::Result {
///         match output {
///             RegisterOutput::Value(Some(value)) => write!(to, "{value}"),
///             _ => write!(to, "{output:?}"),
///         }
///     }
/// }
/// ```
pub trait Labels<M: Model> {
    /// Names an object.
    ///
    /// # Errors
    ///
    /// Those of `to`.
    fn object(&self, key: &M::Key, to: &mut dyn Write) -> fmt::Result;

    /// Says what was asked.
    ///
    /// # Errors
    ///
    /// Those of `to`.
    fn input(&self, input: &M::Input, to: &mut dyn Write) -> fmt::Result;

    /// Says what was answered.
    ///
    /// # Errors
    ///
    /// Those of `to`.
    fn output(&self, output: &M::Output, to: &mut dyn Write) -> fmt::Result;
}

/// [`Labels`] as programmers know them: everything as its `Debug` text.
#[derive(Clone, Copy, Debug, Default)]
pub struct DebugLabels;

impl<M: Model<Key: fmt::Debug, Input: fmt::Debug, Output: fmt::Debug>> Labels<M> for DebugLabels {
    fn object(&self, key: &M::Key, to: &mut dyn Write) -> fmt::Result {
        write!(to, "{key:?}")
    }

    fn input(&self, input: &M::Input, to: &mut dyn Write) -> fmt::Result {
        write!(to, "{input:?}")
    }

    fn output(&self, output: &M::Output, to: &mut dyn Write) -> fmt::Result {
        write!(to, "{output:?}")
    }
}
