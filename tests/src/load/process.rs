//! A server as a child process, and what the system says that it takes.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use waymark_wire::signature::VerifyingKey;

use super::is_loopback;

/// The relay's program beside the one that runs.
const PROGRAM: &str = "waymark-server";

/// A server that ends with this.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: String,
    /// The relay's key; `None` for the bare stream.
    key: Option<VerifyingKey>,
}

/// Time on processors, by the name of the thread.
#[derive(Clone, Debug, Default)]
pub struct Cpu(pub BTreeMap<String, Duration>);

impl Cpu {
    /// What was taken since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let taken = self.0.iter().map(|(name, now)| {
            let before = before.0.get(name).copied().unwrap_or_default();
            (name.clone(), now.saturating_sub(before))
        });
        Self(taken.collect())
    }

    /// All threads together.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.0.values().sum()
    }
}

impl Server {
    /// Starts the relay's program over a directory, on a free port, with these flags beside.
    ///
    /// # Errors
    /// [`io::Error`] where the program is not there, or does not serve.
    pub fn relay(data: &Path, flags: &[&str]) -> io::Result<Self> {
        let mut command = Command::new(program()?);
        command.args(["--listen", "127.0.0.1:0", "--log", "error"]);
        command.args(flags).arg("--data").arg(data);
        Self::start(command)
    }

    /// Starts what streams the same bytes and keeps nothing: this program with `arguments`.
    ///
    /// # Errors
    /// [`io::Error`] where it does not serve.
    pub fn stream(arguments: &[&str]) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments);
        Self::start(command)
    }

    fn start(mut command: Command) -> io::Result<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let after = |mark: &str| {
            Some(
                line.split(mark)
                    .nth(1)?
                    .split_whitespace()
                    .next()?
                    .to_owned(),
            )
        };
        let address = after("http://").unwrap_or_default();
        if !is_loopback(&address) {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::other(format!("the server says {line:?}")));
        }
        let key = after("key ").and_then(|hex| {
            let byte = |at: usize| u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok();
            let bytes: Option<Vec<u8>> = (0..32).map(byte).collect();
            bytes?.try_into().ok().map(VerifyingKey)
        });
        Ok(Self {
            child,
            address,
            key,
        })
    }

    /// Its address, `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The relay's key; `None` for the bare stream.
    #[must_use]
    pub const fn key(&self) -> Option<VerifyingKey> {
        self.key
    }

    /// Bytes that it has in memory.
    ///
    /// # Errors
    /// [`io::Error`] where the system does not say.
    pub fn resident(&self) -> io::Result<u64> {
        let status = fs::read_to_string(self.proc("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.map(|kib| kib * 1_024).ok_or_else(unsaid)
    }

    /// Files and sockets that it has open.
    ///
    /// # Errors
    /// [`io::Error`] where the system does not say.
    pub fn descriptors(&self) -> io::Result<usize> {
        Ok(fs::read_dir(self.proc("fd"))?.count())
    }

    /// Time that its threads were on processors.
    ///
    /// # Errors
    /// [`io::Error`] where the system does not say.
    pub fn cpu(&self) -> io::Result<Cpu> {
        let mut cpu = Cpu::default();
        for thread in fs::read_dir(self.proc("task"))? {
            let thread = thread?.path();
            // One may end meanwhile.
            let Ok(name) = fs::read_to_string(thread.join("comm")) else {
                continue;
            };
            let Ok(taken) = fs::read_to_string(thread.join("schedstat")) else {
                continue;
            };
            let nanos = taken.split(' ').next().and_then(|nanos| nanos.parse().ok());
            let name = name.trim().to_owned();
            *cpu.0.entry(name).or_default() += Duration::from_nanos(nanos.ok_or_else(unsaid)?);
        }
        Ok(cpu)
    }

    /// Asks it to stop, and waits until it has.
    ///
    /// # Errors
    /// [`io::Error`] where it does not end as asked.
    pub fn stop(mut self) -> io::Result<()> {
        let pid = i32::try_from(self.child.id()).ok();
        let pid = pid.and_then(rustix::process::Pid::from_raw);
        let pid = pid.ok_or_else(unsaid)?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let ended = self.child.wait()?;
        if ended.success() {
            Ok(())
        } else {
            Err(io::Error::other(format!("the server ends with {ended}")))
        }
    }

    fn proc(&self, what: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{what}", self.child.id()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After a stop there is nobody to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a verb of the relay's program: whether it ended well, and what it said.
///
/// # Errors
/// [`io::Error`] where the program is not there.
pub(super) fn verb(arguments: &[&str]) -> io::Result<(bool, String)> {
    let output = Command::new(program()?).args(arguments).output()?;
    let said = [output.stdout, output.stderr].concat();
    Ok((
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    ))
}

/// The relay's program: beside this one, or one directory up, where tests have it.
fn program() -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let places = own.ancestors().skip(1).take(2);
    let mut places = places.map(|directory| directory.join(PROGRAM));
    places.find(|path| path.is_file()).ok_or_else(|| {
        io::Error::other(format!(
            "there is no {PROGRAM} beside {}: build it with the same profile first",
            own.display()
        ))
    })
}

/// Lets this process and its children have `count` files and sockets open.
///
/// # Errors
/// [`io::Error`] where the system allows fewer.
pub fn raise_descriptors(count: u64) -> io::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= count) {
        return Ok(());
    }
    if limit.maximum.is_some_and(|most| most < count) {
        return Err(io::Error::other(format!(
            "{count} open files are needed, and the system allows {:?}: raise the hard limit",
            limit.maximum
        )));
    }
    limit.current = Some(count);
    Ok(setrlimit(Resource::Nofile, limit)?)
}

fn unsaid() -> io::Error {
    io::Error::other("the system does not say it")
}
