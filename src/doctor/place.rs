//! Folders and limits of the process.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit};

use super::Finding;
use crate::settings::{EngineName, Settings};

/// Less room than this is soon full, in bytes.
const ROOM_MIN: u64 = 1 << 30;
/// A flush that takes longer bounds how fast orders are committed.
const FLUSH_MAX: Duration = Duration::from_millis(20);
/// How many flushes are tried; the middle one counts.
const FLUSHES: usize = 9;
/// File descriptors that a shop has open beside connections: databases, index, log.
const FILES: u64 = 512;

pub(super) fn examine(settings: &Settings) -> Vec<Finding> {
    let (data, shared) = (settings.server.data_dir.as_path(), settings.shared_folder());
    let mut findings = folder("data folder", data);
    if shared != data {
        findings.extend(folder("shared folder", shared));
    } else if settings.database.engine == EngineName::Postgres {
        let text = "server.shared_dir is empty: a second node would have keys and a log of its own";
        findings.push(Finding::doubtful("shared folder", text));
    }
    findings.push(keys(&settings.keys_folder()));
    if settings.vault_keys_folder() != settings.keys_folder() {
        findings.push(keys(&settings.vault_keys_folder()));
    }
    findings.push(files(settings));
    findings
}

/// Whether a folder can be written, how fast, and how much room there is.
fn folder(about: &'static str, path: &Path) -> Vec<Finding> {
    let shown = path.display();
    if !path.is_dir() {
        return vec![Finding::doubtful(
            about,
            format!("{shown} is not there; it is made at the start"),
        )];
    }
    let mut findings = match flush(path) {
        Err(error) => {
            return vec![Finding::bad(about, format!("{shown} cannot be written: {error}"))];
        }
        Ok(took) if took > FLUSH_MAX => {
            let text =
                format!("{shown}: a flush takes {took:.1?}; orders wait for several of them");
            vec![Finding::doubtful(about, text)]
        }
        Ok(took) => vec![Finding::fine(about, format!("{shown}: a flush takes {took:.1?}"))],
    };
    if let Ok(disk) = rustix::fs::statvfs(path) {
        let room = disk.f_bavail.saturating_mul(disk.f_frsize);
        if room < ROOM_MIN {
            let text = format!("{shown} has {} MiB left; a full disk sells nothing", room >> 20);
            findings.push(Finding::doubtful(about, text));
        }
    }
    findings
}

/// How long it takes until a file's new bytes are on disk.
fn flush(folder: &Path) -> std::io::Result<Duration> {
    let name = format!(".doctor-{}", kernel::id::EventId::new());
    let path = folder.join(name);
    let mut took = Vec::with_capacity(FLUSHES);
    let tried = std::fs::File::create_new(&path).and_then(|mut file| {
        for _ in 0..FLUSHES {
            let began = Instant::now();
            file.write_all(&[0; 4096])?;
            file.sync_data()?;
            took.push(began.elapsed());
        }
        Ok(())
    });
    let removed = std::fs::remove_file(&path);
    tried.and(removed)?;
    took.sort_unstable();
    Ok(took[FLUSHES / 2])
}

/// Whether only the shop reads its keys.
fn keys(folder: &Path) -> Finding {
    use std::os::unix::fs::PermissionsExt;
    let about = "keys";
    let Ok(entries) = std::fs::read_dir(folder) else {
        let text = format!("{} is not there; keys are made at the start", folder.display());
        return Finding::doubtful(about, text);
    };
    let is_open = |path: &Path| {
        path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o077 != 0)
    };
    let open = entries.flatten().map(|entry| entry.path()).find(|path| is_open(path));
    match open {
        Some(file) => {
            Finding::bad(about, format!("others can read {}; chmod 600 it", file.display()))
        }
        None => Finding::fine(about, format!("{} is read by its owner alone", folder.display())),
    }
}

/// Whether the process may have as many files open as it has connections.
fn files(settings: &Settings) -> Finding {
    let about = "open files";
    let threads = match settings.server.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let connections = settings.server.connections_max.saturating_mul(threads);
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX).saturating_mul(2) + FILES;
    match getrlimit(Resource::Nofile).current {
        Some(most) if most < wanted => {
            let text = format!(
                "the process may have {most}; {threads} times server.connections_max wants {wanted} (ulimit -n)"
            );
            Finding::doubtful(about, text)
        }
        _ => Finding::fine(about, format!("the process may have the {wanted} that it wants")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::Mark;
    use super::*;

    #[test]
    fn a_key_that_others_can_read_is_bad() {
        let folder = platform::testing::folder();
        let file = folder.join("a.key");
        std::fs::write(&file, "secret").unwrap();
        let mode = |mode| std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
        mode(0o600);
        assert_eq!(keys(&folder).mark, Mark::Fine);
        mode(0o640);
        assert_eq!(keys(&folder).mark, Mark::Bad);
    }

    #[test]
    fn a_folder_is_left_as_it_was() {
        let path = platform::testing::folder();
        assert!(folder("data folder", &path).iter().all(|finding| finding.mark < Mark::Bad));
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
        let missing = folder("data folder", &path.join("none"));
        assert!(missing[0].mark == Mark::Doubtful && missing[0].text.contains("not there"));
    }
}
