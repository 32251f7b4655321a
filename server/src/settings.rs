//! What an operator has set: on the command line, otherwise in the environment, otherwise in the file
//! that `--config` names. [`crate::flags`] defines each setting once, as a flag; its name elsewhere
//! follows from that: `--poll-seconds` is `WAYMARK_POLL_SECONDS` in the environment, and
//! `poll_seconds` in the file.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::error::Error;
use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::flags::{Program, Shard};

/// The setting that names the file, and cannot stand in it.
const FILE: &str = "config";

/// What stands only in the file: tables, each with some virtual shards and their database.
const SHARDS: &str = "shards";

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The command line is wrong, or asks for help: clap says how.
    #[error(transparent)]
    CommandLine(#[from] Error),
    /// Something else is: in one sentence, with its name and where it stands.
    #[error("{0}")]
    Elsewhere(String),
}

/// Puts together what was set: `line` is the command line with the program's name, and `variable`
/// gives the value of a variable of the environment.
///
/// # Errors
/// [`SettingsError`] names what is wrong, and where it stands.
pub(crate) fn settled(
    line: &[OsString],
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Program, SettingsError> {
    let command = Program::command();
    let matches = command.clone().try_get_matches_from(line)?;
    let settings: Vec<&Arg> = settings(&command).collect();
    let (mut given, mut shards) = (Vec::new(), Vec::new());
    let file = named(&matches).or_else(|| variable(&variable_of(FILE)).map(PathBuf::from));
    if let Some(path) = file {
        (given, shards) = in_file(&path, &settings)?;
    }
    for arg in settings {
        let name = variable_of(arg.get_id().as_str());
        if let Some(value) = variable(&name) {
            given.push(Given::checked(arg, value, &name)?);
        }
    }
    let matches = over(command, &given).try_get_matches_from(line)?;
    let mut program = Program::from_arg_matches(&matches)?;
    program.spread(shards);
    Ok(program)
}

/// What this process was given.
///
/// # Errors
/// As [`settled`].
pub(crate) fn of_this_process() -> Result<Program, SettingsError> {
    let line: Vec<_> = env::args_os().collect();
    settled(&line, |name| env::var(name).ok())
}

/// Everything that can be set elsewhere than on the command line.
pub(crate) fn settings(command: &Command) -> impl Iterator<Item = &Arg> {
    let serving = command.find_subcommand("serve");
    let flags = serving.into_iter().flat_map(Command::get_arguments);
    flags.filter(|arg| arg.get_long().is_some() && arg.get_id() != FILE)
}

/// The name of a setting in the environment.
pub(crate) fn variable_of(id: &str) -> String {
    format!("WAYMARK_{}", id.to_uppercase())
}

/// The file that the command line names.
fn named(matches: &ArgMatches) -> Option<PathBuf> {
    let matches = matches.subcommand().map_or(matches, |(_, of_verb)| of_verb);
    let file = matches.try_get_one::<PathBuf>(FILE).ok()?;
    file.cloned()
}

/// A setting with a value that it may have.
struct Given {
    id: String,
    value: String,
}

impl Given {
    /// Checks a value as it is checked on the command line; `place` says where it stands.
    fn checked(arg: &Arg, value: String, place: &str) -> Result<Self, SettingsError> {
        let id = arg.get_id().as_str().to_owned();
        let flag = format!("--{}={value}", arg.get_long().unwrap_or_default());
        let alone = Command::new("setting")
            .no_binary_name(true)
            .arg(arg.clone());
        match alone.try_get_matches_from([flag]) {
            Ok(_) => Ok(Self { id, value }),
            Err(error) => {
                let said = error.render().to_string();
                let said = said.split("\n\n").next().unwrap_or_default();
                let said: Vec<_> = said.split_whitespace().collect();
                let said = said.join(" ");
                let said = said.strip_prefix("error: ").unwrap_or(&said);
                Err(SettingsError::Elsewhere(format!("{place}: {said}")))
            }
        }
    }
}

/// The command with what was given in the place of what its settings are otherwise: the later counts.
fn over(command: Command, given: &[Given]) -> Command {
    let command = given.iter().fold(command, |command, Given { id, value }| {
        if command
            .get_arguments()
            .any(|arg| arg.get_id() == id.as_str())
        {
            command.mut_arg(id, |arg| arg.default_value(value.clone()))
        } else {
            command
        }
    });
    command.mut_subcommands(|verb| over(verb, given))
}

/// What a file sets.
fn in_file(path: &Path, settings: &[&Arg]) -> Result<(Vec<Given>, Vec<Shard>), SettingsError> {
    let wrong = |what: String| SettingsError::Elsewhere(format!("{}, {what}", path.display()));
    let text = fs::read_to_string(path).map_err(|why| {
        SettingsError::Elsewhere(format!("cannot read {}: {why}", path.display()))
    })?;
    let line = |at: usize| text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
    let table = DeTable::parse(&text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        wrong(format!("line {}: {}", line(at), error.message()))
    })?;
    let (mut given, mut shards) = (Vec::new(), Vec::new());
    for (key, value) in table.get_ref() {
        let (name, at) = (key.get_ref().as_ref(), line(key.span().start));
        if name == SHARDS {
            let read = shards_of(value);
            shards = read.map_err(|(at, what)| wrong(format!("line {}: {what}", line(at))))?;
            continue;
        }
        let arg = settings.iter().find(|arg| arg.get_id() == name);
        let arg = arg.ok_or_else(|| wrong(format!("line {at}: there is no setting {name}")))?;
        let value = text_of(value).ok_or_else(|| {
            wrong(format!(
                "line {at}: {name} has to be a text, a whole number, true or false"
            ))
        })?;
        let place = format!("{}, line {at}: {name}", path.display());
        given.push(Given::checked(arg, value, &place)?);
    }
    Ok((given, shards))
}

/// The shards that tables say, or what is wrong and where.
fn shards_of(value: &Spanned<DeValue<'_>>) -> Result<Vec<Shard>, (usize, String)> {
    let tables = value
        .get_ref()
        .as_array()
        .map_or(&[][..], |tables| &tables[..]);
    let mut shards = Vec::with_capacity(tables.len());
    for table in tables {
        let mut found = BTreeMap::new();
        let fields = table.get_ref().as_table().into_iter().flatten();
        for (key, value) in fields {
            let name = key.get_ref().as_ref();
            if !["from", "store", "to"].contains(&name) {
                return Err((
                    key.span().start,
                    format!("there is no setting {name} of shards"),
                ));
            }
            let text = text_of(value).unwrap_or_default();
            found.insert(name, (text, value.span().start));
        }
        let mut take = |name: &str| {
            let missing = || (table.span().start, format!("shards without {name}"));
            found.remove(name).ok_or_else(missing)
        };
        let number = |(text, at): (String, usize)| {
            let wrong = |_| (at, format!("{text:?} is no number of a shard"));
            text.parse().map_err(wrong)
        };
        shards.push(Shard {
            from: number(take("from")?)?,
            to: number(take("to")?)?,
            store: take("store")?.0,
        });
    }
    if shards.is_empty() {
        let what = "shards have to be tables with from, to and store";
        return Err((value.span().start, what.to_owned()));
    }
    Ok(shards)
}

/// A value as it would stand on the command line.
fn text_of(value: &Spanned<DeValue<'_>>) -> Option<String> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Boolean(is_so) => Some(is_so.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    /// What comes of a command line, variables and a file.
    fn set(line: &str, variables: &[(&str, &str)], file: &str) -> Result<Program, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("waymark.toml");
        fs::write(&path, file).unwrap();
        let mut line: Vec<OsString> = line.split(' ').map(Into::into).collect();
        line.extend(["--config".into(), path.clone().into()]);
        let variables: BTreeMap<_, _> = variables.iter().copied().collect();
        let variable = |name: &str| variables.get(name).map(|value| (*value).to_owned());
        let place = format!("{}, ", path.display());
        settled(&line, variable).map_err(|error| error.to_string().replace(&place, ""))
    }

    /// An operator who overrides something would otherwise not know what the relay does.
    #[test]
    fn flags_come_before_the_environment_and_that_before_the_file() {
        let file = "data = '/file'\npoll_seconds = 3\nmax_queue = 3\nbody_rate = 3\nallow_plaintext = true\n";
        let variables = [("WAYMARK_POLL_SECONDS", "2"), ("WAYMARK_MAX_QUEUE", "2")];
        let line = "waymark-server --poll-seconds 1";
        let serving = set(line, &variables, file).unwrap().serving;
        assert_eq!(serving.poll_seconds, 1);
        assert_eq!(serving.max_queue, 2);
        assert_eq!(serving.body_rate, 3);
        assert_eq!(serving.place.data, Some("/file".into()));
        assert!(serving.place.database.allow_plaintext);
        assert_eq!(serving.idle_seconds, 90);
        // What is switched on below can be switched off above.
        let line = "waymark-server --allow-plaintext=false";
        let serving = set(line, &[], file).unwrap().serving;
        assert!(!serving.place.database.allow_plaintext);
        // The verbs have the same.
        let verb = set("waymark-server check", &variables, file).unwrap().verb;
        let Some(crate::verbs::Verb::Check(place)) = verb else {
            panic!("{verb:?}");
        };
        assert_eq!(place.data, Some("/file".into()));
        // The file may be named in the environment.
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("waymark.toml");
        fs::write(&path, "max_queue = 7").unwrap();
        let variable =
            |name: &str| (name == "WAYMARK_CONFIG").then(|| path.to_str().unwrap().to_owned());
        let program = settled(&["waymark-server".into()], variable).unwrap();
        assert_eq!(program.serving.max_queue, 7);
    }

    /// A slip that is not noticed is a limit that is not there.
    #[test]
    fn what_is_wrong_in_a_file_is_named_with_its_line() {
        for (file, expected) in [
            ("\n\nmax_que = 3", "line 3: there is no setting max_que"),
            ("config = 'x'", "line 1: there is no setting config"),
            (
                "[limits]\nmax_queue = 3",
                "line 1: there is no setting limits",
            ),
            (
                "data = 'x'\nlisten = 'nowhere'",
                "line 2: listen: invalid value 'nowhere' for '--listen <ADDR>': \
                 invalid socket address syntax",
            ),
            (
                "poll_seconds = 0",
                "line 1: poll_seconds: invalid value '0' for '--poll-seconds <SECONDS>': \
                 0 is not in 1..=3600",
            ),
            (
                "log = 'loud'",
                "line 1: log: invalid value 'loud' for '--log <LEVEL>' \
                 [possible values: off, error, warn, info, debug]",
            ),
            (
                "max_queue = [1]",
                "line 1: max_queue has to be a text, a whole number, true or false",
            ),
            ("\nmax_queue = 1\nmax_queue = 2", "line 3: duplicate key"),
            (
                "\nshards = []",
                "line 2: shards have to be tables with from, to and store",
            ),
            (
                "[[shards]]\nfrom = 0\nto = 9",
                "line 1: shards without store",
            ),
            (
                "[[shards]]\nfrom = 0\nuntil = 9",
                "line 3: there is no setting until of shards",
            ),
            (
                "[[shards]]\nstore = 'x'\nfrom = 0\nto = 65536",
                "line 4: \"65536\" is no number of a shard",
            ),
        ] {
            assert_eq!(set("waymark-server", &[], file).unwrap_err(), expected);
        }
        let wrong = [("WAYMARK_BODY_MEMORY", "1")];
        assert_eq!(
            set("waymark-server", &wrong, "").unwrap_err(),
            "WAYMARK_BODY_MEMORY: invalid value '1' for '--body-memory <MIB>': 1 is not in 4..=4000"
        );
        let nowhere = ["waymark-server", "--config", "/nowhere/x.toml"].map(OsString::from);
        let refused = settled(&nowhere, |_| None).unwrap_err().to_string();
        assert!(
            refused.starts_with("cannot read /nowhere/x.toml: "),
            "{refused}"
        );
    }

    /// Who begins with what is delivered would have a relay that does not start.
    #[test]
    fn the_files_for_operators_hold_only_settings() {
        let read = |name| {
            let file = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("deploy")
                .join(name);
            fs::read_to_string(file).unwrap()
        };
        let file = read("relay.toml");
        // What is commented out is meant to be used; a second form of listening stands there, too.
        let is_setting = |line: &&str| line.contains(" = ") && !line.starts_with("listen");
        let lines = file.lines().filter(is_setting);
        let all: String = lines
            .map(|line| line.trim_start_matches("# ").to_owned() + "\n")
            .collect();
        for file in [file, all] {
            let serving = set("waymark-server", &[], &file).unwrap().serving;
            assert_eq!(serving.place.data, Some("/var/lib/waymark".into()));
        }
        let command = Program::command();
        let known: Vec<_> = settings(&command)
            .map(|arg| variable_of(arg.get_id().as_str()))
            .collect();
        for (name, least) in [("Dockerfile", 5), ("compose.yaml", 4)] {
            let text = read(name);
            let named = text.split(|letter: char| letter != '_' && !letter.is_ascii_uppercase());
            let named: Vec<_> = named.filter(|word| word.starts_with("WAYMARK_")).collect();
            assert!(named.len() >= least, "{named:?}");
            for variable in named {
                assert!(
                    known.iter().any(|known| known == variable),
                    "{name}: {variable}"
                );
            }
        }
    }

    /// A setting that stands nowhere is found by nobody, and one that is not there any more is
    /// trusted.
    #[test]
    fn the_page_for_operators_lists_every_setting() {
        let command = Program::command();
        let mut rows = String::new();
        for arg in settings(&command) {
            let id = arg.get_id().as_str();
            let default = arg.get_default_values().first();
            let default = default.and_then(|value| value.to_str()).unwrap_or("–");
            let help = arg.get_long_help().or(arg.get_help()).unwrap();
            let help = help.to_string().replace('\n', " ");
            writeln!(rows, "| `{id}` | {default} | {help} |").unwrap();
        }
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations.md");
        let page = fs::read_to_string(page).unwrap();
        let part = page.split("\n## Settings\n").nth(1).unwrap();
        let part = part.split("\n## ").next().unwrap().split_inclusive('\n');
        // What only a build with a feature knows stands in the page all the same.
        let part = part.filter(|line| cfg!(feature = "wake") || !line.starts_with("| `wake"));
        let listed: String = part.filter(|line| line.starts_with("| `")).collect();
        assert!(listed == rows, "the table of settings has to be:\n{rows}");
    }
}
