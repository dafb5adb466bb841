//! The deciding core: (now, input) to ordered effects, without I/O.
