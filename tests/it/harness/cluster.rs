//! A private, throwaway PostgreSQL, made from the installed binaries. It ends with this process, even by kill -9.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, OnceLock},
};

use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection};

/// Runs the cluster, and cleans up when nobody holds its standard input any more.
const KEEPER: &str = include_str!("cluster.sh");
/// Where Debian puts each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A server of its own, with a folder of its own.
pub struct Cluster {
    dir: PathBuf,
    keeper: Mutex<Keeper>,
}

struct Keeper {
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Not waited for: it outlives the pipe by the moment that cleaning up takes.
    _process: Child,
}

impl Cluster {
    /// The one that all worlds of this process share, each with a database of its own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts one; serves when it answers.
    pub fn start() -> Self {
        let mut command = keeper();
        // A signal to this process's group, such as Ctrl-C, must not end the keeper before it has cleaned up.
        command.process_group(0).current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("a shell can be run");
        let orders = process.stdin.take().expect("it is a pipe");
        let answers = BufReader::new(process.stdout.take().expect("it is a pipe"));
        let mut keeper = Keeper { orders, answers, _process: process };
        Self { dir: PathBuf::from(keeper.answer()), keeper: Mutex::new(keeper) }
    }

    /// Where a database of this name is, or would be.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://rightful@localhost/{database}?host={}", self.dir.display())
    }

    /// Ends it as a crash would. Whoever is connected is cut off.
    pub fn stop(&self) {
        self.order("stop");
    }

    /// Starts it again on the same files.
    pub fn start_again(&self) {
        self.order("start");
    }

    fn order(&self, order: &str) {
        let mut keeper = self.keeper.lock().expect("no test panics while it holds the lock");
        writeln!(keeper.orders, "{order}").expect("the keeper lives as long as this process");
        assert_eq!(keeper.answer(), "done", "PostgreSQL did not {order}: see above");
    }
}

impl Keeper {
    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("it prints UTF-8");
        assert!(line.ends_with('\n'), "PostgreSQL could not be started: see above");
        line.trim_end().to_owned()
    }
}

/// The keeper as somebody whom initdb accepts: it refuses root.
fn keeper() -> Command {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    let mut command = if is_root {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--", "sh", "-c", KEEPER]);
        command
    } else {
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER]);
        command
    };
    let path = super::environment("PATH").unwrap_or_default();
    let has_initdb = |folder: &PathBuf| folder.join("initdb").exists();
    let newest = versions().into_iter().rev().find(has_initdb);
    let found = newest.or_else(|| std::env::split_paths(&path).find(has_initdb));
    let Some(binaries) = found else {
        panic!(
            "there is no PostgreSQL here: install it (apt-get install postgresql), or name a server's database in \
             RIGHTFUL_TEST_DATABASE_URL"
        )
    };
    command.env("PATH", format!("{}:{path}", binaries.display()));
    command
}

/// The folders of Debian's versions, oldest first.
fn versions() -> Vec<PathBuf> {
    let number = |folder: &PathBuf| folder.file_name()?.to_str()?.parse::<u32>().ok();
    let entries = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    folders.sort_by_key(number);
    folders.into_iter().map(|folder| folder.join("bin")).collect()
}

/// One connection. It belongs to the runtime that asks.
pub async fn connect(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url.to_owned());
    options.max_connections(1).sqlx_logging(false);
    Database::connect(options).await.expect("PostgreSQL answers")
}

/// Runs statements that answer nothing.
pub async fn execute(url: &str, sql: &str) {
    let connection = connect(url).await;
    connection.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{error} in {sql}"));
    connection.close().await.expect("a connection can be closed");
}
