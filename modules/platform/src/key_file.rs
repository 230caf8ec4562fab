//! Files with secrets: made once, readable by their owner alone.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use secrecy::zeroize::Zeroizing;

/// The text of a file, which is made first when it is missing. Of two processes that start at once
/// one wins, and both read a whole file.
pub fn read_or_make(
    file: &Path,
    text: impl FnOnce() -> Zeroizing<String>,
) -> io::Result<Zeroizing<String>> {
    if !file.try_exists()? {
        make(file, &text())?;
    }
    read(file)
}

/// The text of a file. Others who can read it are worth a warning.
pub fn read(file: &Path) -> io::Result<Zeroizing<String>> {
    if fs::metadata(file)?.permissions().mode() & 0o077 != 0 {
        tracing::warn!(file = %file.display(), "others can read the key file; chmod 600 it");
    }
    fs::read_to_string(file).map(Zeroizing::new)
}

/// Writes a new file beside and links it into place; one that is there already is left as it is.
pub fn make(file: &Path, text: &str) -> io::Result<()> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(format!(".{}", crate::random::token()));
    let beside = Path::new(&beside);
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside)?;
    let written = out.write_all(text.as_bytes()).and_then(|()| out.sync_all());
    let linked = written.and_then(|()| fs::hard_link(beside, file));
    fs::remove_file(beside)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        // Also where another process made it: what is done with it must not outlive it in a power cut.
        _ => file.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_made_once_and_only_its_owner_reads_it() {
        let file = crate::testing::folder().join("a.key");
        let texts: Vec<String> = std::thread::scope(|scope| {
            let open = || {
                let new = || Zeroizing::new(crate::random::token());
                read_or_make(&file, new).unwrap().to_string()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(texts.iter().all(|text| *text == texts[0]));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
        let nowhere = read_or_make(Path::new("/nowhere/a.key"), || Zeroizing::new(String::new()));
        assert_eq!(nowhere.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
