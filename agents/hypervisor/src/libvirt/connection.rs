//! The one connection to libvirt: made anew when it was lost, silent on standard error, and told of machines that end.
//!
//! All calls block: they are made on threads for that.

#![expect(unsafe_code, reason = "events and error handlers have no safe interface in the crate `virt`")]

use std::ffi::{CStr, c_int, c_void};
use std::ptr;
use std::sync::{Arc, Mutex, Once, PoisonError};

use tokio::sync::mpsc;
use virt::connect::Connect;
use virt::sys;

use super::error::{During, LibvirtError};

/// A machine of libvirt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// The domain's name.
    pub(super) domain: String,
    /// How, in words.
    pub(super) how: &'static str,
}

/// The connection.
#[derive(Debug)]
pub(super) struct Connection {
    uri: String,
    present: Mutex<Option<Arc<Connect>>>,
    ended: mpsc::UnboundedSender<Ended>,
}

impl Connection {
    /// Prepares; nothing is connected yet. Machines that end are told to `ended`.
    pub(super) fn new(uri: String, ended: mpsc::UnboundedSender<Ended>) -> Self {
        start_event_loop();
        Self { uri, present: Mutex::new(None), ended }
    }

    /// The connection, made anew where it was lost. Blocks.
    pub(super) fn get(&self) -> Result<Arc<Connect>, LibvirtError> {
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connect) = present.as_ref().filter(|connect| connect.is_alive().unwrap_or(false)) {
            return Ok(connect.clone());
        }
        let step = || format!("connect to libvirt at {}", self.uri);
        let connect = Arc::new(Connect::open(Some(&self.uri)).during(step)?);
        // Without signs of life a libvirt that is stuck would be waited for for ever.
        let _ = connect.set_keep_alive(5, 3);
        register(&connect, self.ended.clone()).during(|| "listen to libvirt's events".to_owned())?;
        *present = Some(connect.clone());
        Ok(connect)
    }
}

/// libvirt's own event loop, on a thread of its own, once per process; and no words of it on standard error.
fn start_event_loop() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        // SAFETY: both functions may be called at any time before the first connection; the handler is a function of
        // this program that lives as long as it, and takes no data.
        let registered = unsafe {
            sys::virSetErrorFunc(ptr::null_mut(), Some(quiet));
            sys::virEventRegisterDefaultImpl()
        };
        if registered < 0 {
            tracing::warn!("libvirt's events can't be had; machines that end are noticed late");
            return;
        }
        let spawned = std::thread::Builder::new().name("libvirt-events".to_owned()).spawn(|| {
            loop {
                // SAFETY: the default implementation is registered, and only this thread runs it.
                if unsafe { sys::virEventRunDefaultImpl() } < 0 {
                    std::thread::sleep(std::time::Duration::from_secs(1));
                }
            }
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "no thread for libvirt's events; machines that end are noticed late");
        }
    });
}

/// Errors are answers of the calls that they belong to.
unsafe extern "C" fn quiet(_: *mut c_void, _: sys::virErrorPtr) {}

/// Has libvirt tell the ends of machines.
fn register(connect: &Connect, ended: mpsc::UnboundedSender<Ended>) -> Result<(), virt::error::Error> {
    type Generic = unsafe extern "C" fn(sys::virConnectPtr, sys::virDomainPtr, *mut c_void);
    type Lifecycle =
        unsafe extern "C" fn(sys::virConnectPtr, sys::virDomainPtr, c_int, c_int, *mut c_void) -> c_int;
    let opaque = Box::into_raw(Box::new(ended)).cast::<c_void>();
    let id = sys::VIR_DOMAIN_EVENT_ID_LIFECYCLE as c_int;
    // SAFETY: libvirt's documentation wants the callback of this kind of event cast to the generic type; it calls it
    // with the lifecycle's arguments. `opaque` is a sender that `forget` takes back when the connection is closed, and
    // the connection is valid for the length of the call.
    let registered = unsafe {
        let callback = std::mem::transmute::<Lifecycle, Generic>(on_lifecycle);
        sys::virConnectDomainEventRegisterAny(
            connect.as_ptr(),
            ptr::null_mut(),
            id,
            Some(callback),
            opaque,
            Some(forget),
        )
    };
    if registered >= 0 {
        return Ok(());
    }
    // SAFETY: libvirt has not taken it over, and nobody else has it.
    drop(unsafe { Box::from_raw(opaque.cast::<mpsc::UnboundedSender<Ended>>()) });
    Err(virt::error::Error::last_error())
}

/// # Safety
/// `opaque` is what `register` gave, and nobody uses it any more: libvirt's promise.
unsafe extern "C" fn forget(opaque: *mut c_void) {
    // SAFETY: see above.
    drop(unsafe { Box::from_raw(opaque.cast::<mpsc::UnboundedSender<Ended>>()) });
}

/// # Safety
/// `domain` is a valid domain, and `opaque` what `register` gave: libvirt's promise for the length of the call.
unsafe extern "C" fn on_lifecycle(
    _: sys::virConnectPtr,
    domain: sys::virDomainPtr,
    event: c_int,
    detail: c_int,
    opaque: *mut c_void,
) -> c_int {
    let Some(how) = how_ended(event, detail) else { return 0 };
    // SAFETY: see above; the name belongs to the domain and is copied at once.
    let (name, ended) = unsafe {
        let name = sys::virDomainGetName(domain);
        if name.is_null() {
            return 0;
        }
        (CStr::from_ptr(name).to_string_lossy().into_owned(), &*opaque.cast::<mpsc::UnboundedSender<Ended>>())
    };
    // Nobody listens any more only when the agent is going down.
    let _ = ended.send(Ended { domain: name, how });
    0
}

/// How a machine ended, where the event says that it did. Numbers are those of `virDomainEventType`,
/// `virDomainEventStoppedDetailType` and `virDomainEventCrashedDetailType`.
fn how_ended(event: c_int, detail: c_int) -> Option<&'static str> {
    match (event, detail) {
        (5, 0) => Some("it was powered off"),
        (5, 1) => Some("somebody ended it"),
        (5, 2) | (8, 1) => Some("its emulator crashed"),
        (5, 5) => Some("its emulator failed"),
        (5, _) => Some("it ended"),
        (8, _) => Some("its kernel panicked"),
        _ => None,
    }
}
