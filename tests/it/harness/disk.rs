//! A small disk: a file system in memory that one process alone sees, in a namespace of its own, so that it takes no rights
//! of the machine to make it and nothing is left of it afterwards.

use std::{
    fs::{self, File},
    io::Write as _,
    path::PathBuf,
    process::Command,
};

/// What a disk holds: the tables of an empty database several times over.
const MEBIBYTES: u32 = 8;
/// Mounts the disk, then becomes the program.
const SCRIPT: &str = r#"mount -t tmpfs -o "size=$1m,mode=700" tmpfs "$2" && shift 2 && exec "$@""#;

/// A folder that is a disk of its own for the process that [`Self::command`] runs.
#[derive(Clone, Debug)]
pub struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// The folder is made if it is not there.
    pub fn at(folder: PathBuf) -> Self {
        fs::create_dir_all(&folder).expect("a folder can be made");
        Self { folder }
    }

    /// Runs a program that sees the disk; arguments may be added.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "--", "sh", "-c", SCRIPT, "sh", &MEBIBYTES.to_string()]);
        command.arg(&self.folder).arg(program);
        command
    }

    /// Takes all the room that is left on the disk of this process.
    pub fn fill(&self, pid: u32) {
        let mut ballast = File::create(self.ballast(pid)).expect("the disk of the process can be reached");
        for bytes in [vec![0; 64 << 10], vec![0; 512]] {
            while ballast.write_all(&bytes).is_ok() {}
        }
    }

    /// Gives it back.
    pub fn free(&self, pid: u32) {
        fs::remove_file(self.ballast(pid)).expect("it was filled");
    }

    fn ballast(&self, pid: u32) -> PathBuf {
        let inside = self.folder.strip_prefix("/").expect("the folder of a test is absolute");
        PathBuf::from(format!("/proc/{pid}/root")).join(inside).join("ballast")
    }
}
