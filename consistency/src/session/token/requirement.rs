//! What has to be there for an operation.

use core::fmt;

use super::Token;
use super::seen::Known;
use super::service::Rest;
use crate::session::{Guarantees, Op, Position};

/// What a replica must have of a shard before it does something for a session, as
/// [`Session::requirement`](crate::session::Session::requirement) says.
///
/// Use it to pick a replica before asking one, and to say in an error what was missing; whether a replica
/// will do is for [`admit`](crate::session::Session::admit).
///
/// ```
/// use quorate_consistency::session::{Op, Position, Session};
///
/// let mut session = Session::default();
/// session.observe_write(0, 17);
/// session.observe_read(0, Position::new(1, 4));
/// let required = session.requirement(Op::Read, 0);
/// assert!(required.positions().eq([Position::new(0, 17), Position::new(1, 4)]));
/// assert_eq!(required.to_string(), "index 17 of epoch 0 and index 4 of epoch 1");
/// assert!(session.requirement(Op::Read, 1).is_nothing());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Requirement<'a> {
    asked: Asked<'a>,
    op: Op,
    guarantees: Guarantees,
    coarse: bool,
}

#[derive(Clone, Copy, Debug)]
enum Asked<'a> {
    Nothing,
    Known(&'a Known),
    Anything,
}

impl Token {
    pub(in crate::session) fn requirement(
        &self,
        service: u64,
        shard: u64,
        op: Op,
        guarantees: Guarantees,
    ) -> Requirement<'_> {
        let service = self.services.get(&service);
        let (asked, coarse) = match service {
            None if self.others => (Asked::Anything, true),
            None => (Asked::Nothing, false),
            Some(service) => match (service.shards.get(&shard), &service.rest) {
                (Some(known), _) => (Asked::Known(known), false),
                (None, Rest::AtMost(known)) => (Asked::Known(known), !known.is_empty()),
                (None, Rest::Anything) => (Asked::Anything, true),
            },
        };
        let (by_reads, by_writes) = op.guarantees();
        let asks = guarantees.contains(by_reads) || guarantees.contains(by_writes);
        Requirement {
            asked: if asks { asked } else { Asked::Nothing },
            op,
            guarantees,
            coarse: coarse && asks,
        }
    }
}

impl<'a> Requirement<'a> {
    /// Whether any replica will do.
    pub fn is_nothing(self) -> bool {
        match self.asked {
            Asked::Nothing => true,
            Asked::Known(_) => self.positions().next().is_none(),
            Asked::Anything => false,
        }
    }

    /// Whether the token cannot tell, as it had to be made very small. Only a replica that is certain to be
    /// current will do.
    pub const fn is_anything(self) -> bool {
        matches!(self.asked, Asked::Anything)
    }

    /// Whether it may be more than what was seen, as the shard has no entry of its own any more.
    pub const fn is_coarse(self) -> bool {
        self.coarse
    }

    /// What the state must include: mostly one position, and one for each epoch that the session has seen.
    pub fn positions(self) -> impl Iterator<Item = Position> + 'a {
        let known = match self.asked {
            Asked::Known(known) => Some(known),
            Asked::Nothing | Asked::Anything => None,
        };
        known
            .into_iter()
            .flat_map(move |known| known.wanted(self.op, self.guarantees))
    }
}

impl fmt::Display for Requirement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_anything() {
            return f.write_str("all that there is, as the token cannot tell");
        }
        if self.is_nothing() {
            return f.write_str("nothing");
        }
        for (at, position) in self.positions().enumerate() {
            let and = if at == 0 { "" } else { " and " };
            write!(f, "{and}{position}")?;
        }
        Ok(())
    }
}
