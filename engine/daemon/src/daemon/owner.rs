//! Whose the state is. The packaged engine runs as a user of its own, but its administrator is root: what root does in
//! that user's folder is done as that user, so that no file is left there which the engine can't write.

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::Context;
use nix::unistd::{Gid, Uid, User, geteuid, initgroups, setgid, setgroups, setuid};

/// Where root has started this process, and the state folder is another user's, the process becomes that user's, for
/// good. Otherwise nothing happens, also where the folder is not there yet.
///
/// # Errors
/// Where the system refuses.
pub(super) fn become_owner(state: &Path) -> anyhow::Result<()> {
    let Ok(folder) = fs::metadata(state) else { return Ok(()) };
    let owner = Uid::from_raw(folder.uid());
    if !geteuid().is_root() || owner.is_root() {
        return Ok(());
    }
    let failed = || format!("can't become user {owner}, whose folder {} is", state.display());
    match User::from_uid(owner).with_context(failed)? {
        Some(user) => {
            let name = CString::new(user.name).with_context(failed)?;
            initgroups(&name, user.gid).with_context(failed)?;
            setgid(user.gid).with_context(failed)?;
        }
        // A user without a name, as in a container.
        None => {
            setgroups(&[]).with_context(failed)?;
            setgid(Gid::from_raw(folder.gid())).with_context(failed)?;
        }
    }
    setuid(owner).with_context(failed)
}
