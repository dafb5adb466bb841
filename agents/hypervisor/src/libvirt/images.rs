//! The storage pool: images by their names, and the volumes of machines.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use virt::connect::Connect;
use virt::error::ErrorNumber;
use virt::storage_pool::StoragePool;
use virt::storage_vol::StorageVol;
use virt::stream::Stream;
use xrdtest_model::plan::HostPlan;

use super::domain::Boot;
use super::error::{During, LibvirtError};
use super::volume;

/// The pool that is used where the configured one does not exist.
const FALL_BACK: &str = "default";
/// Bytes that are handed to libvirt at a time.
const CHUNK: usize = 256 << 10;
/// How long a volume may still be written when it is to be removed: a full copy of an image takes a while.
const STILL_WRITTEN: Duration = Duration::from_secs(30);
/// How often such a one is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A boot image.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) volume: StorageVol,
    pub(super) path: String,
    pub(super) format: String,
    pub(super) bytes: u64,
}

/// The pool of this name, or the one called `default`.
pub(super) fn pool(connect: &Connect, name: &str) -> Result<StoragePool, LibvirtError> {
    let found = connect.lookup_storage_pool_by_name(name);
    let pool = found.or_else(|_| connect.lookup_storage_pool_by_name(FALL_BACK)).map_err(|error| {
        let (words, names) = (error.message(), connect.list_storage_pools().unwrap_or_default().join(", "));
        let there =
            if names.is_empty() { "there are no pools".to_owned() } else { format!("there are: {names}") };
        LibvirtError::Unsuitable(format!(
            "storage pool {name} does not exist, and {FALL_BACK} neither ({words}); {there}"
        ))
    })?;
    if !pool.is_active().unwrap_or(false) {
        let name = pool.name().unwrap_or_default();
        pool.create(0).during(|| format!("start storage pool {name}"))?;
    }
    Ok(pool)
}

/// Where a pool's volumes are; nowhere for one that is no folder.
pub(super) fn folder(pool: &StoragePool) -> PathBuf {
    let text = pool.xml_desc(0).unwrap_or_default();
    let document = roxmltree::Document::parse(&text).ok();
    let path = document.as_ref().and_then(|document| {
        let mut target =
            document.root_element().children().find(|node| node.has_tag_name("target"))?.children();
        target.find(|node| node.has_tag_name("path"))?.text()
    });
    path.unwrap_or_default().into()
}

/// What a host starts from.
#[derive(Debug)]
pub(super) struct Sources {
    /// Its root's image; a host that boots a kernel directly may have none.
    pub(super) image: Option<Image>,
    /// What is booted directly, where that is so: as the definition says, or volumes called as the image that lie beside
    /// it.
    pub(super) boot: Option<Boot>,
}

/// What a host starts from, by the names in its definition.
pub(super) fn sources(pool: &StoragePool, host: &HostPlan) -> Result<Sources, LibvirtError> {
    let image = host.boot_image.as_deref().map(|name| image(pool, name)).transpose()?;
    let boot = match (&host.kernel, &host.boot_image) {
        (Some(kernel), _) => Some(Boot {
            kernel: path(pool, "kernel", kernel)?,
            initrd: host.initrd.as_deref().map(|initrd| path(pool, "initrd", initrd)).transpose()?,
        }),
        (None, Some(image)) => beside(pool, image),
        (None, None) => {
            return Err(LibvirtError::Unsuitable(format!(
                "host {} names neither bootImage nor kernel, and a virtual machine needs one: \
                 cluster.defaultHost.bootImage = …",
                host.name
            )));
        }
    };
    Ok(Sources { image, boot })
}

/// Kernel and initial root file system that lie beside an image.
fn beside(pool: &StoragePool, image: &str) -> Option<Boot> {
    let stem = image.rsplit_once('.').map_or(image, |(stem, _)| stem);
    let path = |ending: &str| pool.lookup_storage_vol_by_name(&format!("{stem}.{ending}")).ok()?.path().ok();
    let (kernel, initrd) = path("vmlinuz").zip(path("initrd"))?;
    Some(Boot { kernel, initrd: Some(initrd) })
}

/// The image of this name.
fn image(pool: &StoragePool, name: &str) -> Result<Image, LibvirtError> {
    let volume = volume_of(pool, "boot image", name)?;
    let step = || format!("look at boot image {name}");
    let path = volume.path().during(step)?;
    let description = volume.xml_desc(0).during(step)?;
    let bytes = volume.info().during(step)?.capacity;
    Ok(Image { path, format: volume::format_of(&description).to_owned(), bytes, volume })
}

fn path(pool: &StoragePool, what: &str, name: &str) -> Result<String, LibvirtError> {
    volume_of(pool, what, name)?.path().during(|| format!("look at {what} {name}"))
}

/// The volume of this name. `what`: the thing that it is to be, for people.
fn volume_of(pool: &StoragePool, what: &str, name: &str) -> Result<StorageVol, LibvirtError> {
    let known = pool.lookup_storage_vol_by_name(name);
    // libvirt knows of files that others put into the folder only when it looks again.
    let found = known.or_else(|_| pool.refresh(0).and_then(|()| pool.lookup_storage_vol_by_name(name)));
    found.map_err(|_| {
        let mut names = pool.list_volumes().unwrap_or_default();
        names.retain(|name| !name.starts_with("xrdtest-"));
        let (pool, there) = (pool.name().unwrap_or_default(), names.join(", "));
        LibvirtError::Unsuitable(format!(
            "{what} {name} is not in storage pool {pool}; there are: {}",
            if there.is_empty() { "no volumes" } else { &there }
        ))
    })
}

/// Makes a volume that begins as the image: an overlay, or a copy.
pub(super) fn root(
    pool: &StoragePool,
    image: &Image,
    name: &str,
    overlay: bool,
) -> Result<String, LibvirtError> {
    let step = || format!("make volume {name}");
    let volume = if overlay {
        let definition = volume::overlay(name, image.bytes, &image.path, &image.format).document();
        StorageVol::create_xml(pool, &definition, 0)
    } else {
        let definition = volume::volume(name, image.bytes, "qcow2").document();
        StorageVol::create_xml_from(pool, &definition, &image.volume, 0)
    };
    volume.and_then(|volume| volume.path()).during(step)
}

/// Makes an empty volume, or takes the one that is there where its content is kept.
pub(super) fn disk(pool: &StoragePool, name: &str, bytes: u64, keep: bool) -> Result<String, LibvirtError> {
    if keep && let Ok(volume) = pool.lookup_storage_vol_by_name(name) {
        return volume.path().during(|| format!("look at volume {name}"));
    }
    let definition = volume::volume(name, bytes, "qcow2").document();
    let made = StorageVol::create_xml(pool, &definition, 0).and_then(|volume| volume.path());
    made.during(|| format!("make volume {name} of {bytes} bytes"))
}

/// Removes a volume. One that libvirt still writes, for a process that was killed since, is waited for: libvirt has no
/// event for its end.
pub(super) fn delete(pool: &StoragePool, name: &str) -> Result<(), LibvirtError> {
    let begin = Instant::now();
    loop {
        // It may have gone by itself: libvirt removes one that it could not make.
        let Ok(volume) = pool.lookup_storage_vol_by_name(name) else { return Ok(()) };
        let deleted = volume.delete(0);
        let written = |error: &virt::error::Error| {
            error.code().is_known_and(|code| code == ErrorNumber::OperationInvalid)
        };
        if begin.elapsed() > STILL_WRITTEN || !deleted.as_ref().is_err_and(written) {
            return deleted.during(|| format!("remove volume {name}"));
        }
        thread::sleep(LOOK_AGAIN);
    }
}

/// Makes a volume with this content.
pub(super) fn upload(
    connect: &Connect,
    pool: &StoragePool,
    name: &str,
    content: &[u8],
) -> Result<String, LibvirtError> {
    let step = || format!("fill volume {name}");
    let bytes = content.len() as u64;
    let definition = volume::volume(name, bytes, "raw").document();
    let volume = StorageVol::create_xml(pool, &definition, 0).during(step)?;
    let stream = Stream::new(connect, 0).during(step)?;
    volume.upload(&stream, 0, bytes, 0).during(step)?;
    for chunk in content.chunks(CHUNK) {
        let mut rest = chunk;
        while !rest.is_empty() {
            let sent = stream.send(rest).during(step)?;
            rest = &rest[usize::try_from(sent).unwrap_or(0).min(rest.len())..];
        }
    }
    stream.finish().during(step)?;
    volume.path().during(step)
}
