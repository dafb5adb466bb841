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

/// What libvirt tells by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// A machine ended.
    Ended {
        /// The domain's name.
        domain: String,
        /// How, in words.
        how: &'static str,
    },
    /// A machine boots again.
    Rebooted {
        /// The domain's name.
        domain: String,
    },
    /// The connection is lost: until there is another one nothing is told.
    Closed,
}

/// The connection.
#[derive(Debug)]
pub(super) struct Connection {
    uri: String,
    present: Mutex<Option<Arc<Connect>>>,
    told: mpsc::UnboundedSender<Told>,
}

impl Connection {
    /// Prepares; nothing is connected yet. Machines that end, and the end of the connection, are told to `told`.
    pub(super) fn new(uri: String, told: mpsc::UnboundedSender<Told>) -> Self {
        start_event_loop();
        Self { uri, present: Mutex::new(None), told }
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
        register(&connect, &self.told).during(|| "listen to libvirt's events".to_owned())?;
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

/// Has libvirt tell the ends of machines, and that of the connection.
fn register(connect: &Connect, told: &mpsc::UnboundedSender<Told>) -> Result<(), virt::error::Error> {
    type Generic = unsafe extern "C" fn(sys::virConnectPtr, sys::virDomainPtr, *mut c_void);
    type Lifecycle =
        unsafe extern "C" fn(sys::virConnectPtr, sys::virDomainPtr, c_int, c_int, *mut c_void) -> c_int;
    let id = sys::VIR_DOMAIN_EVENT_ID_LIFECYCLE as c_int;
    let opaque = opaque(told);
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
    if registered < 0 {
        return Err(refused(opaque));
    }
    let opaque = self::opaque(told);
    let id = sys::VIR_DOMAIN_EVENT_ID_REBOOT as c_int;
    // SAFETY: as above; this kind's callback is of the generic type.
    let registered = unsafe {
        sys::virConnectDomainEventRegisterAny(
            connect.as_ptr(),
            ptr::null_mut(),
            id,
            Some(on_reboot),
            opaque,
            Some(forget),
        )
    };
    if registered < 0 {
        return Err(refused(opaque));
    }
    let opaque = self::opaque(told);
    // SAFETY: as above; the callback has the type that this function wants.
    let registered = unsafe {
        sys::virConnectRegisterCloseCallback(connect.as_ptr(), Some(on_close), opaque, Some(forget))
    };
    if registered < 0 {
        return Err(refused(opaque));
    }
    Ok(())
}

/// A sender for a callback, which `forget` takes back.
fn opaque(told: &mpsc::UnboundedSender<Told>) -> *mut c_void {
    Box::into_raw(Box::new(told.clone())).cast()
}

/// libvirt's words; `opaque` is one that it did not take over.
fn refused(opaque: *mut c_void) -> virt::error::Error {
    let error = virt::error::Error::last_error();
    // SAFETY: libvirt has not taken it over, and nobody else has it.
    drop(unsafe { Box::from_raw(opaque.cast::<mpsc::UnboundedSender<Told>>()) });
    error
}

/// # Safety
/// `opaque` is what `register` gave, and nobody uses it any more: libvirt's promise.
unsafe extern "C" fn forget(opaque: *mut c_void) {
    // SAFETY: see above.
    drop(unsafe { Box::from_raw(opaque.cast::<mpsc::UnboundedSender<Told>>()) });
}

/// # Safety
/// `opaque` is what `register` gave: libvirt's promise for the length of the call.
unsafe extern "C" fn on_close(_: sys::virConnectPtr, _: c_int, opaque: *mut c_void) {
    // SAFETY: see above.
    let told = unsafe { &*opaque.cast::<mpsc::UnboundedSender<Told>>() };
    let _ = told.send(Told::Closed);
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
    if let Some(how) = how_ended(event, detail) {
        // SAFETY: see above.
        unsafe { tell(domain, opaque, |domain| Told::Ended { domain, how }) };
    }
    0
}

/// # Safety
/// `domain` is a valid domain, and `opaque` what `register` gave: libvirt's promise for the length of the call.
unsafe extern "C" fn on_reboot(_: sys::virConnectPtr, domain: sys::virDomainPtr, opaque: *mut c_void) {
    // SAFETY: see above.
    unsafe { tell(domain, opaque, |domain| Told::Rebooted { domain }) };
}

/// Tells something of the domain of this name.
///
/// # Safety
/// `domain` is a valid domain, and `opaque` what `register` gave.
unsafe fn tell(domain: sys::virDomainPtr, opaque: *mut c_void, what: impl FnOnce(String) -> Told) {
    // SAFETY: see above; the name belongs to the domain and is copied at once.
    let (domain, told) = unsafe {
        let name = sys::virDomainGetName(domain);
        if name.is_null() {
            return;
        }
        (CStr::from_ptr(name).to_string_lossy().into_owned(), &*opaque.cast::<mpsc::UnboundedSender<Told>>())
    };
    // Nobody listens any more only when the agent is going down.
    let _ = told.send(what(domain));
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
