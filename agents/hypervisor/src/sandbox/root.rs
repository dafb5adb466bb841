//! A machine's root: this machine's own files with a layer of the machine's own above each file system.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};

use super::error::{OnPath, SandboxError};

/// The layers of one machine, parents before children.
#[derive(Debug)]
pub(crate) struct Root {
    target: PathBuf,
    layers: Vec<Layer>,
}

#[derive(Debug)]
struct Layer {
    /// Where the file system is mounted, on this machine and in the sandbox.
    at: PathBuf,
    upper: PathBuf,
    work: PathBuf,
}

impl Root {
    /// Makes the folders for a machine whose files lie in `files`; nothing is mounted yet. `systems` comes from
    /// [`super::mounts::system_mounts`].
    pub(crate) fn create(files: &Path, systems: &[PathBuf]) -> Result<Self, SandboxError> {
        let target = files.join("root");
        fs::create_dir(&target).on("create", &target)?;
        let mut layers = Vec::with_capacity(systems.len());
        for (number, at) in systems.iter().enumerate() {
            let layer = Layer {
                at: at.clone(),
                upper: files.join(format!("layer{number}")),
                work: files.join(format!("work{number}")),
            };
            fs::create_dir(&layer.work).on("create", &layer.work)?;
            // The attributes of the topmost folder are those of the upper layer.
            create_like(&layer.upper, at)?;
            layers.push(layer);
        }
        Ok(Self { target, layers })
    }

    /// Where the machine's root will be once it is mounted.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Writes a file of the machine, before it is mounted.
    pub(crate) fn write(&self, path: &str, content: &[u8], mode: u32) -> Result<(), SandboxError> {
        let path = Path::new(path);
        if let Some(parent) = path.parent() {
            self.parents(parent)?;
        }
        let file = self.in_upper(path);
        fs::write(&file, content).on("write", &file)?;
        fs::set_permissions(&file, Permissions::from_mode(mode)).on("set the mode of", &file)
    }

    /// Makes a folder of the machine empty, whatever this machine has there.
    pub(crate) fn empty(&self, path: &Path, mode: u32) -> Result<(), SandboxError> {
        // Another name of a folder leads to the same place: /var/tmp may be a link to /tmp.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if let Some(parent) = path.parent() {
            self.parents(parent)?;
        }
        let folder = self.in_upper(&path);
        ensure_dir(&folder)?;
        fs::set_permissions(&folder, Permissions::from_mode(mode)).on("set the mode of", &folder)?;
        xattr::set(&folder, "trusted.overlay.opaque", b"y").on("hide the content of", &folder)
    }

    /// Mounts everything in the calling thread's mount table.
    pub(crate) fn mount(&self) -> Result<(), SandboxError> {
        self.layers.iter().try_for_each(|layer| match layer.at.strip_prefix("/") {
            Ok(below) if below != Path::new("") => layer.mount(&self.target.join(below)),
            _ => layer.mount(&self.target),
        })
    }

    /// Mounts the first layer as the whole: enough to see whether layers work.
    pub(crate) fn mount_flat(&self) -> Result<(), SandboxError> {
        self.layers.first().map_or(Ok(()), |layer| layer.mount(&self.target))
    }

    fn layer_of(&self, path: &Path) -> Option<&Layer> {
        self.layers.iter().rev().find(|layer| path.starts_with(&layer.at))
    }

    fn in_upper(&self, path: &Path) -> PathBuf {
        match self.layer_of(path) {
            Some(layer) => layer.upper.join(path.strip_prefix(&layer.at).unwrap_or(path)),
            None => self.target.join(path.strip_prefix("/").unwrap_or(path)),
        }
    }

    /// Makes a folder and those above it in the upper layer, with the owner and mode that they have below.
    fn parents(&self, path: &Path) -> Result<(), SandboxError> {
        let mut above: Vec<&Path> = path.ancestors().collect();
        above.reverse();
        for folder in above {
            let upper = self.in_upper(folder);
            if !upper.is_dir() {
                create_like(&upper, folder)?;
            }
        }
        Ok(())
    }
}

impl Layer {
    fn mount(&self, target: &Path) -> Result<(), SandboxError> {
        // Nothing of a machine outlives it, so syncing its layer to the disk would only cost time: `volatile`.
        let options = format!(
            "lowerdir={},upperdir={},workdir={},volatile",
            escape(&self.at),
            self.upper.display(),
            self.work.display()
        );
        mount(Some("overlay"), target, Some("overlay"), MsFlags::empty(), Some(options.as_str())).map_err(
            |source| {
                SandboxError::step(
                    format!("mount an overlay of {} at {}", self.at.display(), target.display()),
                    source,
                )
            },
        )
    }
}

/// Creates a folder with owner and mode of `model`; 0755 where that does not exist.
fn create_like(folder: &Path, model: &Path) -> Result<(), SandboxError> {
    ensure_dir(folder)?;
    if let Ok(like) = fs::metadata(model) {
        chown(folder, Some(like.uid()), Some(like.gid())).on("set the owner of", folder)?;
        fs::set_permissions(folder, Permissions::from_mode(like.mode() & 0o7777))
            .on("set the mode of", folder)?;
    }
    Ok(())
}

fn ensure_dir(folder: &Path) -> Result<(), SandboxError> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        other => other.on("create", folder),
    }
}

/// Separators of the option string that may occur in a path.
fn escape(path: &Path) -> String {
    path.display().to_string().replace('\\', "\\\\").replace(':', "\\:").replace(',', "\\,")
}

/// Whether a path can stand in an overlay's options as an upper layer.
pub(crate) fn is_usable(path: &Path) -> bool {
    path.to_str().is_some_and(|text| !text.contains([',', ':', '\\', '"']))
}
