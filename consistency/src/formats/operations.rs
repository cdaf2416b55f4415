//! From events to operations.

use alloc::collections::BTreeMap;
use alloc::string::String;
use std::io::BufRead;

use super::error::FormatError;
use super::event::{Event, EventKind, Events, Notation, meaningless};
use super::limits::ReadLimits;
use crate::{History, Model, Operation, Outcome};

/// A model whose operations can be read from the events that Jepsen writes down.
///
/// It is implemented for the models of this crate. For one of your own, say how its inputs and outputs are
/// written:
///
/// ```
/// use quorate_consistency::formats::{Edn, Event, EventModel, Notation, read_events};
/// use quorate_consistency::{
///     Budget, Model, Outcome, ReadLimits, Register, RegisterInput, RegisterOutput, check,
/// };
///
/// /// A flag that is raised once.
/// struct Flag;
///
/// impl Model for Flag {
///     type Key = ();
///     type State = bool;
///     type Input = bool; // raise it, or ask
///     type Output = bool;
///     fn key(&self, _: &bool) {}
///     fn initial(&self) -> bool { false }
///     fn step(&self, up: &bool, raise: &bool, told: Option<&bool>) -> Option<bool> {
///         let next = *up || *raise;
///         told.is_none_or(|told| *told == next).then_some(next)
///     }
/// }
///
/// impl EventModel for Flag {
///     fn read_input(&self, event: &Event) -> Result<bool, String> {
///         Ok(event.function == "raise")
///     }
///     fn read_answer(&self, _: &bool, event: &Event) -> Result<Outcome<bool>, String> {
///         Ok(Outcome::Ok(event.value == Edn::Bool(true)))
///     }
/// }
///
/// let file = "
///     {:process 0, :type :invoke, :f :raise, :value nil}
///     {:process 0, :type :ok, :f :raise, :value true}
///     {:process 1, :type :invoke, :f :ask, :value nil}
///     {:process 1, :type :ok, :f :ask, :value false}";
/// let history = read_events(&Flag, file.as_bytes(), Notation::Edn, ReadLimits::default())?;
/// assert!(check(&Flag, &history, Budget::default()).violation().is_some());
/// # Ok::<(), quorate_consistency::formats::FormatError>(())
/// ```
pub trait EventModel: Model {
    /// What is asked for, of an [invocation](EventKind::Invoke).
    ///
    /// # Errors
    ///
    /// What is wrong with it, for people.
    fn read_input(&self, event: &Event) -> Result<Self::Input, String>;

    /// What was told, of an event that says that it was [done](EventKind::Ok). An answer that tells
    /// nothing is [`Outcome::Unknown`].
    ///
    /// # Errors
    ///
    /// What is wrong with it, for people.
    fn read_answer(
        &self,
        input: &Self::Input,
        event: &Event,
    ) -> Result<Outcome<Self::Output>, String>;

    /// What was told, of an event that says that it was [not done](EventKind::Fail). It had no effect,
    /// and most of the time it tells nothing else.
    ///
    /// # Errors
    ///
    /// What is wrong with it, for people.
    fn read_failure(
        &self,
        input: &Self::Input,
        event: &Event,
    ) -> Result<Outcome<Self::Output>, String> {
        let _ = (input, event);
        Ok(Outcome::Failed)
    }
}

/// Reads a history from the events that Jepsen writes down, in either [`Notation`].
///
/// Events are taken in the order of the file, which is the order in which the test saw them, and their
/// number is the time. An operation whose end is `:info`, or which has none, is
/// [`Outcome::Unknown`]: it may have its effect at any later time. Events of the nemesis are left out.
///
/// # Errors
///
/// The first thing in the file that makes no sense, and where it stands.
///
/// ```
/// use quorate_consistency::formats::{Notation, read_events};
/// use quorate_consistency::{Budget, ReadLimits, Register, check};
///
/// let log = "\
/// INFO  jepsen.util - 1 :invoke :write 4
/// INFO  jepsen.util - 1 :info   :write :timed-out
/// INFO  jepsen.util - 2 :invoke :read  nil
/// INFO  jepsen.util - 2 :ok     :read  4
/// INFO  jepsen.util - 3 :invoke :read  nil
/// INFO  jepsen.util - 3 :ok     :read  nil
/// ";
/// let register = Register::new();
/// let history = read_events(&register, log.as_bytes(), Notation::Log, ReadLimits::default())?;
/// assert_eq!(history.len(), 3);
/// // Once the write was seen, it cannot be unseen.
/// assert!(check(&register, &history, Budget::default()).violation().is_some());
/// # Ok::<(), quorate_consistency::formats::FormatError>(())
/// ```
pub fn read_events<M: EventModel>(
    model: &M,
    reader: impl BufRead,
    notation: Notation,
    limits: ReadLimits,
) -> Result<History<M::Input, M::Output>, FormatError> {
    let mut events = Events::new(reader, notation, limits);
    let mut history = History::new();
    let mut open: BTreeMap<u64, usize> = BTreeMap::new();
    let mut time = 0;
    while let Some(event) = events.next()? {
        if time == limits.records as u64 {
            return Err(FormatError::TooMany {
                place: event.place,
                limit: limits.records,
            });
        }
        let wrong = |reason: String| meaningless(event.place, reason);
        let Some(process) = event.process else {
            return Err(wrong(
                "the event does not say which :process it is of".into(),
            ));
        };
        if event.kind == EventKind::Invoke {
            let input = model.read_input(&event).map_err(wrong)?;
            if open.insert(process, history.len()).is_some() {
                return Err(wrong(alloc::format!(
                    "process {process} asks for something else before it was answered"
                )));
            }
            history.push(Operation::unknown(process, input, time));
        } else {
            let operation = open
                .remove(&process)
                .and_then(|at| history.operations.get_mut(at));
            let Some(operation) = operation else {
                return Err(wrong(alloc::format!(
                    "process {process} is answered, and has asked for nothing"
                )));
            };
            operation.output = match event.kind {
                EventKind::Ok => model.read_answer(&operation.input, &event).map_err(wrong)?,
                EventKind::Fail => model
                    .read_failure(&operation.input, &event)
                    .map_err(wrong)?,
                EventKind::Info | EventKind::Invoke => Outcome::Unknown,
            };
            if !matches!(operation.output, Outcome::Unknown) {
                operation.ret = time;
            }
        }
        time += 1;
    }
    Ok(history)
}
