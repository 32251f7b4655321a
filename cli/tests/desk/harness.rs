//! People at desks: a relay, directories, and the command run in them.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use waymark_core::client::{Client, Config};
use waymark_core::model::{NewGoal, NewRevision, Schedule};

/// A relay on a free loopback port; it ends with this.
pub(crate) struct Relay {
    pub(crate) url: String,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    runtime: Runtime,
    directory: TempDir,
}

impl Relay {
    pub(crate) fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let mut relay = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            running: None,
            runtime,
            directory: TempDir::new().unwrap(),
        };
        relay.serve(listener);
        relay
    }

    fn serve(&mut self, listener: TcpListener) {
        let config = waymark_server::Config::new(self.directory.path());
        let relay = waymark_server::Relay::open(config).unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = self.runtime.spawn(async move {
            let stopped = async { stopped.await.unwrap_or_default() };
            relay.serve(listener, stopped).await.unwrap();
        });
        self.running = Some((stop, serving));
    }

    /// Stops it; its port answers no more.
    pub(crate) fn stop(&mut self) {
        if let Some((stop, serving)) = self.running.take() {
            let _ = stop.send(());
            self.runtime.block_on(serving).unwrap();
        }
    }

    /// Starts it again on the same port.
    pub(crate) fn restart(&mut self) {
        self.stop();
        let address = self.url.trim_start_matches("http://");
        let listener = self.runtime.block_on(TcpListener::bind(address)).unwrap();
        self.serve(listener);
    }

    /// A backup of what it holds now.
    pub(crate) fn backup(&mut self) -> TempDir {
        self.stop();
        let backup = TempDir::new().unwrap();
        for file in fs::read_dir(self.directory.path()).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), backup.path().join(file.file_name())).unwrap();
        }
        self.restart();
        backup
    }

    /// Puts a backup in the place of what it holds: everything since is lost.
    pub(crate) fn put_back(&mut self, backup: TempDir) {
        self.stop();
        self.directory = backup;
        self.restart();
    }
}

/// Somebody with a directory.
pub(crate) struct Desk {
    parent: TempDir,
}

impl Desk {
    /// With a directory that is not there yet.
    pub(crate) fn empty() -> Self {
        Self {
            parent: TempDir::new().unwrap(),
        }
    }

    /// Somebody who has begun with a plan.
    pub(crate) fn client(relay: &Relay, name: &str) -> Self {
        let desk = Self::empty();
        desk.begin(relay, name, &[]);
        desk
    }

    /// Somebody who has begun without one.
    pub(crate) fn therapist(relay: &Relay, name: &str) -> Self {
        let desk = Self::empty();
        desk.begin(relay, name, &["--no-plan"]);
        desk
    }

    fn begin(&self, relay: &Relay, name: &str, more: &[&str]) {
        let start = ["init", "--name", name, "--device-name", "desk"];
        let relay = ["--relay", &relay.url];
        self.run(&[&start[..], &relay, more].concat()).done();
    }

    pub(crate) fn directory(&self) -> std::path::PathBuf {
        self.parent.path().join("device")
    }

    /// Runs a verb with nothing to read.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.answer(arguments, "")
    }

    /// Runs a verb that reads `input`.
    pub(crate) fn answer(&self, arguments: &[&str], input: &str) -> Said {
        let mut running = self.start(arguments);
        running.say(input);
        running.end()
    }

    /// Starts a verb.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let mut child = Command::new(env!("CARGO_BIN_EXE_waymark"))
            .args(arguments)
            .args(["--json", "--dir", self.directory().to_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Running {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
            events: Vec::new(),
        }
    }

    /// Runs a verb as people do: what it prints on both streams.
    pub(crate) fn words(&self, arguments: &[&str], typed: &str) -> String {
        let mut child = Command::new(env!("CARGO_BIN_EXE_waymark"))
            .args(arguments)
            .args(["--dir", self.directory().to_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut keyboard = child.stdin.take().unwrap();
        // A verb that reads nothing may have ended already.
        let _ = keyboard.write_all(typed.as_bytes());
        drop(keyboard);
        let output = child.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        String::from_utf8(said).unwrap()
    }

    /// Opens the device as an app would.
    pub(crate) fn open(&self) -> Client {
        let settings = fs::read(self.directory().join("settings.json")).unwrap();
        let settings: Value = serde_json::from_slice(&settings).unwrap();
        let config = Config::new(self.directory(), settings["relay"].as_str().unwrap());
        Client::open(config, &key(&self.directory().join("storage.key"))).unwrap()
    }

    /// Adds a goal to the only plan and sends it.
    pub(crate) fn add_goal(&self, statement: &str) {
        let client = self.open();
        let plan = client.people().plans()[0];
        let wording = NewRevision::first(statement, Schedule::daily());
        let goal = NewGoal { area: None };
        client.goals().create(plan, &goal, &wording).unwrap();
        drop(client);
        self.run(&["sync"]).done();
    }

    /// Proposes another wording of a goal, and sends nothing.
    pub(crate) fn propose(&self, statement: &str, other: &str) {
        let client = self.open();
        let plan = client.people().plans()[0];
        let goals = client.goals().list(plan).unwrap();
        let mut goals = goals.iter().filter(|goal| goal.statement == statement);
        let goal = goals.next().unwrap();
        let held = goal.in_force.iter().map(|held| held.id);
        let revision = NewRevision {
            goal: goal.id,
            replaces: held.collect(),
            ..NewRevision::first(other, Schedule::daily())
        };
        client.goals().propose(plan, &revision).unwrap();
    }

    /// What `show` shows of every plan.
    pub(crate) fn goals(&self) -> Vec<String> {
        let directory = self.directory();
        let key = directory.join("storage.key");
        let output = Command::new(env!("CARGO_BIN_EXE_waymark"))
            .args(["show", "--json", "--data", directory.to_str().unwrap()])
            .args(["--key-file", key.to_str().unwrap()])
            .output()
            .unwrap();
        assert!(output.status.success());
        let plans = parse(&output.stdout);
        let goals = plans.iter().flat_map(|plan| {
            let goals = plan["view"]["goals"].as_array().unwrap();
            goals
                .iter()
                .map(|goal| goal["statement"].as_str().unwrap().to_owned())
        });
        goals.collect()
    }
}

/// A verb under way.
pub(crate) struct Running {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    events: Vec<Value>,
}

impl Running {
    /// Types something.
    pub(crate) fn say(&mut self, text: &str) {
        let input = self.input.as_mut().unwrap();
        // A verb that reads nothing may have ended already.
        let _ = input.write_all(text.as_bytes());
    }

    /// Reads until it tells of this event.
    pub(crate) fn until(&mut self, event: &str) -> Value {
        loop {
            let mut line = String::new();
            let read = self.output.read_line(&mut line).unwrap();
            assert!(read > 0, "it ended before {event}: {:?}", self.events);
            let value: Value = serde_json::from_str(&line).unwrap();
            self.events.push(value.clone());
            if value["event"] == event {
                return value;
            }
        }
    }

    /// Waits until it ends by itself.
    pub(crate) fn end(mut self) -> Said {
        drop(self.input.take());
        let mut rest = Vec::new();
        std::io::Read::read_to_end(&mut self.output, &mut rest).unwrap();
        self.events.extend(parse(&rest));
        let output = self.child.wait_with_output().unwrap();
        Said {
            code: output.status.code().unwrap(),
            events: self.events,
            complaint: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Ends it.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// What a verb said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) events: Vec<Value>,
    pub(crate) complaint: String,
}

impl Said {
    /// It was done.
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// It failed, with this exit code and stable code, in words and for programs.
    pub(crate) fn failed(self, exit: i32, code: &str) -> Self {
        assert_eq!(self.code, exit, "{self:?}");
        assert!(self.complaint.contains(&format!("({code})")), "{self:?}");
        assert_eq!(self.one("error")["code"], code, "{self:?}");
        self
    }

    /// The events of a kind.
    pub(crate) fn all(&self, event: &str) -> Vec<&Value> {
        let events = self.events.iter();
        events.filter(|value| value["event"] == event).collect()
    }

    /// The only event of a kind.
    pub(crate) fn one(&self, event: &str) -> &Value {
        let [one] = self.all(event)[..] else {
            panic!("not one {event}: {self:?}");
        };
        one
    }
}

/// One object per line, each with its event.
fn parse(output: &[u8]) -> Vec<Value> {
    let lines = std::str::from_utf8(output).unwrap().lines();
    let values: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(values.iter().all(|value| value["event"].is_string()));
    values
}

/// A device's storage key.
pub(crate) fn key(path: &Path) -> [u8; 32] {
    let text = fs::read_to_string(path).unwrap();
    let byte = |at: usize| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap();
    std::array::from_fn(byte)
}
