//! A real PostgreSQL and a real NATS for tests, each on a free port of this machine with a directory of
//! its own. They end with the process that started them, however that ends.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::authority::Authority;

/// `directory binaries port`: makes a cluster and runs it, until standard input is closed. Each line
/// there has it crash and start again.
const POSTGRES: &str = r#"
set -eu
sealed=
[ ! -e "$1/key.pem" ] ||
    sealed="-c ssl=on -c ssl_cert_file=$1/certificate.pem -c ssl_key_file=$1/key.pem"
"$2/initdb" --no-sync -A trust -U waymark -D "$1/data" >"$1/log" 2>&1
start() {
    "$2/postgres" -D "$1/data" -p "$3" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
        -c max_connections=300 $sealed >>"$1/log" 2>&1 </dev/null &
    server=$!
    until "$2/pg_isready" -q -h 127.0.0.1 -p "$3"; do
        kill -0 "$server"
        sleep 0.05
    done
    echo ready
}
start "$@"
while read -r _; do
    kill -QUIT "$server"
    wait "$server" || true
    start "$@"
done
# Nobody needs it any more.
kill -QUIT "$server"
wait "$server" || true
rm -r "$1"
"#;

/// `program port flags`: runs NATS until standard input is closed.
const NATS: &str = r#"
port=$2
"$1" -a 127.0.0.1 -p "$port" "${@:3}" >/dev/null 2>&1 </dev/null &
server=$!
until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    kill -0 "$server" || exit 1
    sleep 0.02
done
echo ready
cat >/dev/null
kill "$server"
wait "$server"
"#;

/// A server that ends with its standard input.
struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut running = Self {
            stdin: child.stdin.take(),
            stdout: BufReader::new(child.stdout.take().unwrap()),
            child,
        };
        running.wait();
        running
    }

    fn wait(&mut self) {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "a server does not start");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stdin.take();
        let _ = self.child.wait();
    }
}

/// A PostgreSQL server.
pub(crate) struct PostgresServer {
    running: Running,
    port: u16,
}

impl PostgresServer {
    /// A server of one's own; `None` where PostgreSQL is not installed, which is said of `test`.
    pub(crate) fn start(test: &str) -> Option<Self> {
        Self::start_with(test, None)
    }

    /// The same, with TLS for whoever asks for it.
    pub(crate) fn sealed(test: &str, by: &Authority) -> Option<Self> {
        Self::start_with(test, Some(by))
    }

    fn start_with(test: &str, by: Option<&Authority>) -> Option<Self> {
        let server = Self::run(by);
        if server.is_none() {
            skipped(test, "no PostgreSQL 15 or newer");
        }
        server
    }

    /// The one server of all tests in this process that do not disturb it.
    pub(crate) fn common(test: &str) -> Option<&'static Self> {
        static COMMON: OnceLock<Option<PostgresServer>> = OnceLock::new();
        let common = COMMON.get_or_init(|| Self::run(None)).as_ref();
        if common.is_none() {
            skipped(test, "no PostgreSQL 15 or newer");
        }
        common
    }

    fn run(by: Option<&Authority>) -> Option<Self> {
        let binaries = postgres_binaries()?;
        let directory = tempfile::tempdir().unwrap().keep();
        if let Some(by) = by {
            by.vouch(&directory);
        }
        let port = free_port();
        // It does not run as root.
        let mut command = if is_root() {
            let given = Command::new("chown")
                .args(["-R", "postgres"])
                .arg(&directory)
                .status();
            assert!(given.unwrap().success());
            let mut command = Command::new("setpriv");
            command.args([
                "--reuid=postgres",
                "--regid=postgres",
                "--clear-groups",
                "sh",
            ]);
            command
        } else {
            Command::new("sh")
        };
        command.args(["-c", POSTGRES, "postgres"]);
        command.arg(directory).arg(binaries).arg(port.to_string());
        // Where it is started from may be closed to it.
        command.current_dir("/");
        Some(Self {
            running: Running::start(command),
            port,
        })
    }

    /// The address of a new, empty database: a schema of its own, which takes no time to make.
    pub(crate) fn database(&self) -> String {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("test{}", MADE.fetch_add(1, Ordering::Relaxed));
        let server = format!("postgres://waymark@127.0.0.1:{}/postgres", self.port);
        psql(&server, &format!("CREATE SCHEMA {name}"));
        format!("{server}?options=-c%20search_path%3D{name}")
    }

    /// The address of a database whose server has to prove its name.
    pub(crate) fn sealed_database(&self) -> String {
        let address = self.database().replace("@127.0.0.1:", "@localhost:");
        format!("{address}&sslmode=verify-full")
    }

    /// Has it stop at once, as where its machine goes down, and start again.
    pub(crate) fn crash(&mut self) {
        let stdin = self.running.stdin.as_mut().unwrap();
        stdin.write_all(b"crash\n").unwrap();
        self.running.wait();
    }
}

/// A NATS server.
pub(crate) struct NatsServer {
    _running: Running,
    pub(crate) address: String,
}

impl NatsServer {
    /// A server; `None` where NATS is not installed, which is said of `test`.
    pub(crate) fn start(test: &str) -> Option<Self> {
        Self::start_at(test, free_port())
    }

    /// A server that takes nobody without TLS.
    pub(crate) fn sealed(test: &str, by: &Authority) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        by.vouch(directory.path());
        let path = |name| directory.path().join(name).to_str().unwrap().to_owned();
        let (certificate, key) = (path("certificate.pem"), path("key.pem"));
        let flags = ["--tls", "--tlscert", &certificate, "--tlskey", &key];
        // It has read the files when it answers.
        let mut server = Self::start_with(test, free_port(), &flags)?;
        server.address = server
            .address
            .replace("nats://127.0.0.1", "tls://localhost");
        Some(server)
    }

    /// A server at the port of one that ended.
    pub(crate) fn start_at(test: &str, port: u16) -> Option<Self> {
        Self::start_with(test, port, &[])
    }

    fn start_with(test: &str, port: u16, flags: &[&str]) -> Option<Self> {
        let Some(program) = found("nats-server", &["/usr/sbin", "/usr/bin", "/usr/local/bin"])
        else {
            skipped(test, "no nats-server");
            return None;
        };
        let mut command = Command::new("bash");
        command.args(["-c", NATS, "nats"]);
        command.arg(program).arg(port.to_string()).args(flags);
        Some(Self {
            _running: Running::start(command),
            address: format!("nats://127.0.0.1:{port}"),
        })
    }
}

/// Runs a statement in the database at this address, and gives what it prints.
pub(crate) fn psql(address: &str, statement: &str) -> String {
    let output = Command::new(postgres_binaries().unwrap().join("psql"))
        .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", address])
        .args(["-c", statement])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{statement}: {said}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Says that a test is skipped, in the form that `tests/run` counts: straight to the stream, since
/// what a passing test prints with macros is swallowed.
fn skipped(test: &str, why: &str) {
    let line = format!("skipped: {test}: {why}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Where the newest PostgreSQL that is good for a relay has its programs.
fn postgres_binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let number = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    let newest = versions.filter_map(|entry| number(entry.ok()?)).max()?;
    let binaries = PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin"));
    (newest >= 15 && binaries.join("initdb").exists()).then_some(binaries)
}

fn found(program: &str, places: &[&str]) -> Option<PathBuf> {
    let mut places = places
        .iter()
        .map(|place| PathBuf::from(place).join(program));
    places.find(|path| path.exists())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
