//! A transport whose links can be cut and slowed down while it runs.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use quorate_clocks::NodeId;
use quorate_transport::{Received, Refused, Transmit, Transport};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::api::Faults;
use crate::sync::{Lock, lock};

/// Messages that may be held back at once, in each direction. Further ones are dropped, as a
/// network may.
const MAX_HELD: usize = 65_536;

/// Says what is wrong with the links. Clones share it.
///
/// ```
/// use quorate::api::Faults;
/// use quorate::serve::FaultSwitch;
///
/// let switch = FaultSwitch::default();
/// switch.set(Faults { cut: [2].into(), ..Faults::default() });
/// assert!(switch.get().cut.contains(&2));
/// ```
#[derive(Clone, Debug, Default)]
pub struct FaultSwitch(Arc<Lock<Faults>>);

impl FaultSwitch {
    /// Replaces all faults.
    pub fn set(&self, faults: Faults) {
        *lock(&self.0) = faults;
    }

    /// The faults as they are.
    pub fn get(&self) -> Faults {
        lock(&self.0).clone()
    }

    fn link(&self, peer: NodeId) -> Link {
        let faults = lock(&self.0);
        if faults.cut.contains(&peer.0) {
            return Link::Cut;
        }
        match faults.delay_ms.get(&peer.0) {
            None | Some(0) => Link::Whole,
            Some(millis) => Link::Slow(Duration::from_millis(*millis)),
        }
    }
}

enum Link {
    Whole,
    Slow(Duration),
    Cut,
}

/// Wraps a transport: drops and delays what goes out and what comes in, as a [`FaultSwitch`] says.
///
/// The sender of a dropped message is not told, just as a network does not tell.
pub struct Faulty<T: Transport> {
    inner: T,
    switch: FaultSwitch,
    outgoing: Held<Transmit<T::Message>>,
    incoming: Held<Received<T::Message>>,
    sleep: Pin<Box<Sleep>>,
    waker: Option<Waker>,
}

/// Messages in the order in which they are due.
struct Held<M> {
    messages: BTreeMap<(Instant, u64), M>,
    next: u64,
}

impl<M> Held<M> {
    fn new() -> Self {
        Self {
            messages: BTreeMap::new(),
            next: 0,
        }
    }

    fn push(&mut self, due: Instant, message: M) {
        if self.messages.len() < MAX_HELD {
            self.messages.insert((due, self.next), message);
            self.next += 1;
        }
    }

    fn pop(&mut self, now: Instant) -> Option<M> {
        let first = self.messages.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    fn due(&self) -> Option<Instant> {
        self.messages.keys().next().map(|key| key.0)
    }
}

impl<T: Transport> Faulty<T> {
    /// Wraps `inner`. Must be called on a tokio runtime with its timer enabled.
    pub fn new(inner: T, switch: FaultSwitch) -> Self {
        Self {
            inner,
            switch,
            outgoing: Held::new(),
            incoming: Held::new(),
            sleep: Box::pin(sleep_until(Instant::now())),
            waker: None,
        }
    }
}

impl<T: Transport> Transport for Faulty<T> {
    type Message = T::Message;

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.inner.poll_close(cx)
    }

    fn send(&mut self, transmit: Transmit<T::Message>) -> Result<(), Refused<T::Message>> {
        match self.switch.link(transmit.to) {
            Link::Whole => self.inner.send(transmit),
            Link::Cut => Ok(()),
            Link::Slow(delay) => {
                self.outgoing.push(Instant::now() + delay, transmit);
                // The timer is set in `poll_recv`, which may be waiting for something later.
                if let Some(waker) = self.waker.take() {
                    waker.wake();
                }
                Ok(())
            }
        }
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Received<T::Message>> {
        loop {
            let now = Instant::now();
            while let Some(transmit) = self.outgoing.pop(now) {
                if !matches!(self.switch.link(transmit.to), Link::Cut) {
                    // A refusal is a loss, as on a real slow link.
                    let _ = self.inner.send(transmit);
                }
            }
            while let Some(received) = self.incoming.pop(now) {
                if !matches!(self.switch.link(received.from), Link::Cut) {
                    return Poll::Ready(received);
                }
            }
            while let Poll::Ready(received) = self.inner.poll_recv(cx) {
                match self.switch.link(received.from) {
                    Link::Whole => return Poll::Ready(received),
                    Link::Cut => {}
                    Link::Slow(delay) => self.incoming.push(Instant::now() + delay, received),
                }
            }
            let due = [self.outgoing.due(), self.incoming.due()]
                .into_iter()
                .flatten()
                .min();
            if let Some(due) = due {
                self.sleep.as_mut().reset(due);
                if self.sleep.as_mut().poll(cx).is_ready() {
                    continue;
                }
            }
            self.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_transport::Lane;
    use std::collections::VecDeque;
    use std::future::poll_fn;

    /// Gives back what is sent, as if the peer had answered at once.
    #[derive(Default)]
    struct Echo(VecDeque<Received<u32>>);

    impl Transport for Echo {
        type Message = u32;

        fn send(&mut self, transmit: Transmit<u32>) -> Result<(), Refused<u32>> {
            self.0.push_back(Received {
                from: transmit.to,
                message: transmit.message,
            });
            Ok(())
        }

        fn poll_recv(&mut self, _: &mut Context<'_>) -> Poll<Received<u32>> {
            self.0.pop_front().map_or(Poll::Pending, Poll::Ready)
        }
    }

    fn to(peer: u64, message: u32) -> Transmit<u32> {
        Transmit {
            to: NodeId(peer),
            lane: Lane::Log,
            message,
        }
    }

    async fn receive(transport: &mut Faulty<Echo>) -> u32 {
        poll_fn(|cx| transport.poll_recv(cx)).await.message
    }

    #[tokio::test]
    async fn a_cut_drops_both_ways_and_heals() {
        let switch = FaultSwitch::default();
        let mut transport = Faulty::new(Echo::default(), switch.clone());
        transport.send(to(2, 1)).unwrap();
        switch.set(Faults {
            cut: [2].into(),
            ..Faults::default()
        });
        // 1 was on its way back when the link was cut; 2 never leaves; 3 goes to another peer.
        transport.send(to(2, 2)).unwrap();
        transport.send(to(3, 3)).unwrap();
        assert_eq!(receive(&mut transport).await, 3);
        switch.set(Faults::default());
        transport.send(to(2, 4)).unwrap();
        assert_eq!(receive(&mut transport).await, 4);
    }

    #[tokio::test]
    async fn a_delay_holds_back_in_each_direction_and_keeps_the_order() {
        let switch = FaultSwitch::default();
        let mut transport = Faulty::new(Echo::default(), switch.clone());
        switch.set(Faults {
            delay_ms: [(2, 30)].into(),
            ..Faults::default()
        });
        let start = Instant::now();
        transport.send(to(2, 1)).unwrap();
        transport.send(to(2, 2)).unwrap();
        transport.send(to(3, 3)).unwrap();
        assert_eq!(receive(&mut transport).await, 3);
        assert_eq!(receive(&mut transport).await, 1);
        assert!(start.elapsed() >= Duration::from_millis(60));
        assert_eq!(receive(&mut transport).await, 2);
    }

    #[tokio::test]
    async fn what_is_held_back_when_a_link_is_cut_is_lost() {
        let switch = FaultSwitch::default();
        let mut transport = Faulty::new(Echo::default(), switch.clone());
        switch.set(Faults {
            delay_ms: [(2, 1)].into(),
            ..Faults::default()
        });
        transport.send(to(2, 1)).unwrap();
        switch.set(Faults {
            cut: [2].into(),
            delay_ms: [(3, 20)].into(),
        });
        transport.send(to(3, 3)).unwrap();
        assert_eq!(receive(&mut transport).await, 3);
    }
}
