//! [`TimeMessage`], and a synchroniser that gets messages of all kinds.
#![no_main]

use core::time::Duration;

use quorate_clocks::{DriftRate, Instant, NodeId, TimeMessage, TimeSyncConfig, TimeSynchroniser};
use quorate_clocks_fuzz::{read, target};

target!(|bytes| {
    let drift = DriftRate::from_ppm(200).expect("less than 100 %");
    let config = TimeSyncConfig::new([0, 1, 2].map(NodeId), drift, 1).expect("three sources");
    let mut machine = TimeSynchroniser::new(config.with_step_after(1));
    let mut now = Instant::ORIGIN;
    let _ = read(bytes, TimeMessage::from_bytes, |message| {
        message.to_bytes().to_vec()
    });
    for part in bytes.chunks(34) {
        let Some((byte, message)) = part.split_first() else {
            continue;
        };
        now = now.saturating_add(Duration::from_secs(1 << (byte >> 2)));
        machine.handle_timeout(now);
        let asked = core::iter::from_fn(|| machine.poll_transmit()).last();
        let Ok(message) = TimeMessage::from_bytes(message) else {
            continue;
        };
        // The nonce is replaced by one that was asked with: it cannot be guessed.
        let message = match (message, asked) {
            (
                TimeMessage::Response { sent, held, .. },
                Some((_, TimeMessage::Request { nonce })),
            ) => TimeMessage::Response { nonce, sent, held },
            (message, _) => message,
        };
        let from = asked.map_or(NodeId(u64::from(byte & 3)), |(from, _)| from);
        machine.handle_message(from, message, now);
        if let Ok(interval) = machine.now(now) {
            assert!(interval.earliest() <= interval.latest());
        }
        while machine.poll_event().is_some() {}
    }
});
