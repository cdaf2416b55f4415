//! What a holder does, in its own process.

use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::lines::{Line, RELEASE, machine_nanos};
use crate::api::{AcquireLease, LeaseGranted, ProblemKind, ReleaseLease, RenewLease};
use crate::cli::HolderArgs;
use crate::client::{Client, Outcome, WriteOptions};
use crate::demo::workload::{ANSWER, VALUES_PER_SESSION, is_settled};

/// What it waits between two writes.
const PAUSE: Duration = Duration::from_millis(10);
/// What it waits after a request that was not answered.
const AFTER_FAILURE: Duration = Duration::from_millis(20);
/// The longest wait before a lease that is held is asked for again.
const ASK_AGAIN: Duration = Duration::from_millis(50);
/// It renews the lease after so many writes. It counts writes, not time: see [`hold()`].
const RENEW_AFTER: u64 = 2;

/// Whoever would read what the holder says is gone.
struct NobodyListens;

/// Acquires a lease and writes under its token, until it is told to give it back, until a write is
/// refused, or until its standard input ends. Says on its standard output what it did.
///
/// It never looks at the clock to see whether it still has the lease. A careful holder does, and may
/// still be stopped between looking and sending; this one always is, so to speak.
pub async fn hold(args: HolderArgs) -> ExitCode {
    die_with_parent();
    let (told, order) = watch::channel(false);
    let mut orders = order.clone();
    // A thread of its own: nothing waits for it when the process ends.
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            match line {
                Ok(line) if line.trim() == RELEASE => told.send_replace(true),
                Ok(_) => continue,
                Err(_) => break,
            };
        }
    });
    let mut holding = Holding {
        client: Client::new(args.http.clone(), ANSWER),
        args,
        order,
        next: 0,
    };
    tokio::select! {
        // It makes no difference to the exit code: nobody is there to see it.
        _ = holding.run() => (),
        // Until the sender is gone, which is when the standard input has ended.
        () = async { while orders.changed().await.is_ok() {} } => (),
    }
    ExitCode::SUCCESS
}

/// One that is stopped cannot see that its standard input has ended, so the kernel is to look after
/// it. Elsewhere than on Linux it may outlive a demo that is killed, until somebody lets it go on.
fn die_with_parent() {
    #[cfg(target_os = "linux")]
    if let Err(error) =
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
    {
        tracing::warn!(%error, "this holder may outlive who started it");
    }
}

struct Holding {
    client: Client,
    args: HolderArgs,
    /// Whether the lease is to be given back.
    order: watch::Receiver<bool>,
    next: u64,
}

impl Holding {
    async fn run(&mut self) -> Result<(), NobodyListens> {
        let token = self.acquire().await?;
        for written in 1.. {
            if *self.order.borrow() {
                return self.release(token).await;
            }
            if !self.write(token).await? {
                return Ok(());
            }
            if written == RENEW_AFTER {
                self.renew(token).await?;
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn acquire(&mut self) -> Result<u64, NobodyListens> {
        let lease = self.args.lease.clone();
        let asked = AcquireLease {
            owner: format!("holder-{}", self.args.number),
            ttl_ms: self.args.ttl_ms,
        };
        loop {
            let options = self.once();
            // Counted from the first sending: a retry is answered with the first answer.
            let call_ns = machine_nanos();
            let outcome = loop {
                let attempt = machine_nanos();
                let outcome = self.client.acquire(&lease, &asked, &options).await;
                attempted(attempt, &outcome)?;
                if is_settled(&outcome) {
                    break outcome;
                }
                sleep(AFTER_FAILURE).await;
            };
            match outcome {
                Outcome::Ok(LeaseGranted { token, .. }) => {
                    say(&Line::Granted {
                        call_ns,
                        return_ns: machine_nanos(),
                        token,
                    })?;
                    return Ok(token);
                }
                Outcome::Refused(problem) => {
                    let wait = problem.remaining_ms.map(Duration::from_millis);
                    sleep(wait.unwrap_or(ASK_AGAIN).min(ASK_AGAIN)).await;
                }
                Outcome::Unknown(_) | Outcome::Failed(_) => sleep(AFTER_FAILURE).await,
            }
        }
    }

    /// Asks once for more time. Without an answer it goes on with what it had, and in good faith
    /// after a refusal too: whether it may write is for the service to say.
    async fn renew(&mut self, token: u64) -> Result<(), NobodyListens> {
        let lease = self.args.lease.clone();
        let ttl_ms = self.args.ttl_ms;
        let options = self.once();
        let call_ns = machine_nanos();
        let asked = RenewLease { token, ttl_ms };
        let outcome = self.client.renew(&lease, &asked, &options).await;
        attempted(call_ns, &outcome)?;
        match outcome {
            Outcome::Ok(_) => say(&Line::Renewed { call_ns }),
            _ => Ok(()),
        }
    }

    async fn release(&mut self, token: u64) -> Result<(), NobodyListens> {
        let lease = self.args.lease.clone();
        let options = self.once();
        loop {
            let call = machine_nanos();
            let asked = ReleaseLease { token };
            let outcome = self.client.release(&lease, &asked, &options).await;
            attempted(call, &outcome)?;
            if is_settled(&outcome) {
                return say(&Line::Released);
            }
            sleep(AFTER_FAILURE).await;
        }
    }

    /// Writes, and sends it until the service says what came of it: whether it was written.
    async fn write(&mut self, token: u64) -> Result<bool, NobodyListens> {
        let options = self.once().under_lease(self.args.lease.clone(), token);
        let key = self.args.key.clone();
        let value = self.args.number * VALUES_PER_SESSION + self.next;
        let call_ns = machine_nanos();
        say(&Line::Writing { call_ns, value })?;
        loop {
            let call = machine_nanos();
            let outcome = self.client.put(&key, value.to_string(), &options).await;
            attempted(call, &outcome)?;
            if is_settled(&outcome) {
                let return_ns = machine_nanos();
                match outcome {
                    Outcome::Ok(written) => {
                        let revision = written.revision;
                        say(&Line::Written {
                            return_ns,
                            revision,
                        })?;
                        return Ok(true);
                    }
                    refused => {
                        let problem = refused.refusal().map_or("unknown", ProblemKind::name);
                        say(&Line::Refused {
                            return_ns,
                            problem: problem.to_owned(),
                        })?;
                        return Ok(false);
                    }
                }
            }
            sleep(AFTER_FAILURE).await;
        }
    }

    /// Options with a fresh idempotency key.
    fn once(&mut self) -> WriteOptions {
        self.next += 1;
        let key = format!(
            "demo-{:x}-{}-{}",
            self.args.run, self.args.number, self.next
        );
        WriteOptions::default().idempotency_key(key)
    }
}

fn attempted<T>(call_ns: u64, outcome: &Outcome<T>) -> Result<(), NobodyListens> {
    say(&Line::Attempt {
        call_ns,
        return_ns: machine_nanos(),
        answered: outcome.is_definite(),
    })
}

fn say(line: &Line) -> Result<(), NobodyListens> {
    // Plain data always has a JSON form.
    let mut text = serde_json::to_vec(line).unwrap_or_default();
    text.push(b'\n');
    let mut out = io::stdout().lock();
    let said = out.write_all(&text).and_then(|()| out.flush());
    said.map_err(|_| NobodyListens)
}
