//! Ending early, in good order.

use crate::error::{Context, Error};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

static REQUESTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// From now on Ctrl-C asks for an end, and only a second one ends the process at once.
///
/// # Errors
/// If the signals cannot be caught.
pub fn on_interrupt() -> Result<(), Error> {
    const INTERRUPTED: i32 = 130;
    for signal in [SIGINT, SIGTERM] {
        let flag = || Arc::clone(&REQUESTED);
        let second = flag::register_conditional_shutdown(signal, INTERRUPTED, flag());
        second
            .and_then(|_| flag::register(signal, flag()))
            .context(|| "catching Ctrl-C".to_owned())?;
    }
    Ok(())
}

/// Whether an end was asked for.
#[inline]
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}
