//! How soon the kernel notices that nobody is there any more.

use std::io;
use std::time::Duration;

use rustix::net::sockopt;
use tokio::net::TcpStream;

/// Most that Linux takes for the seconds of a keepalive.
const KEEPALIVE_SECS_MAX: u64 = 32_767;

/// Sends small writes at once, and breaks the connection when the other host is silent for about
/// `limit`.
///
/// A host that lost its power or its link closes nothing. What is written to it goes to the
/// kernel's send buffer, where it is sent again for a quarter of an hour; a timeout around the
/// write sees that only once the buffer is full, and never when nothing is written. So the kernel
/// is told to give up on bytes that are not acknowledged (RFC 5482), which only Linux and its like
/// can be told, and to ask an idle peer whether it is there.
pub(crate) fn prepare(stream: &TcpStream, limit: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    sockopt::set_tcp_user_timeout(stream, user_timeout_ms(limit))?;
    #[cfg(any(
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd",
        target_vendor = "apple"
    ))]
    {
        let Keepalive {
            idle,
            interval,
            count,
        } = Keepalive::within(limit);
        sockopt::set_tcp_keepidle(stream, idle)?;
        sockopt::set_tcp_keepintvl(stream, interval)?;
        sockopt::set_tcp_keepcnt(stream, count)?;
    }
    Ok(sockopt::set_socket_keepalive(stream, true)?)
}

/// Zero would be the system's default, and a negative `int` is refused.
#[cfg_attr(
    not(any(target_os = "linux", target_os = "android")),
    allow(dead_code) // why: only they have the option
)]
fn user_timeout_ms(limit: Duration) -> u32 {
    let ms = limit.as_millis().clamp(1, i32::MAX as u128);
    u32::try_from(ms).unwrap_or(i32::MAX as u32)
}

/// When a connection without traffic is asked whether it lives, and how often in vain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Keepalive {
    idle: Duration,
    interval: Duration,
    count: u32,
}

impl Keepalive {
    /// Half of the limit in silence, then up to three questions: one lost packet is no verdict.
    /// The kernel counts whole seconds, so two of them are the least.
    fn within(limit: Duration) -> Self {
        let secs = limit.as_millis().div_ceil(1_000);
        let secs = u64::try_from(secs).unwrap_or(u64::MAX);
        let secs = secs.clamp(2, KEEPALIVE_SECS_MAX);
        let idle = secs / 2;
        let interval = (secs - idle).div_ceil(3);
        let count = (secs - idle).div_ceil(interval);
        Self {
            idle: Duration::from_secs(idle),
            interval: Duration::from_secs(interval),
            count: count as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_is_given_up_at_the_limit_in_whole_seconds() {
        for (limit_ms, noticed_secs) in [
            (0, 2),
            (200, 2),
            (2_000, 2),
            (2_001, 3),
            (5_000, 5),
            (7_000, 7),
            (60_000, 60),
        ] {
            let Keepalive {
                idle,
                interval,
                count,
            } = Keepalive::within(Duration::from_millis(limit_ms));
            let noticed = idle + interval * count;
            assert_eq!(noticed.as_secs(), noticed_secs, "{limit_ms} ms");
            assert!((1..=3).contains(&count), "{limit_ms} ms");
        }
    }

    #[test]
    fn no_limit_is_more_than_the_kernel_takes() {
        assert_eq!(user_timeout_ms(Duration::ZERO), 1);
        assert_eq!(user_timeout_ms(Duration::MAX), i32::MAX as u32);
        let longest = Keepalive::within(Duration::MAX);
        assert!(longest.idle.as_secs() <= KEEPALIVE_SECS_MAX && longest.count <= 3);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_kernel_has_what_it_was_told() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        for limit in [Duration::from_millis(5_000), Duration::MAX, Duration::ZERO] {
            prepare(&stream, limit).unwrap();
            let keepalive = Keepalive {
                idle: sockopt::tcp_keepidle(&stream).unwrap(),
                interval: sockopt::tcp_keepintvl(&stream).unwrap(),
                count: sockopt::tcp_keepcnt(&stream).unwrap(),
            };
            assert_eq!(keepalive, Keepalive::within(limit));
            let told = sockopt::tcp_user_timeout(&stream).unwrap();
            assert_eq!(told, user_timeout_ms(limit));
            assert!(sockopt::socket_keepalive(&stream).unwrap());
            assert!(stream.nodelay().unwrap());
        }
    }
}
