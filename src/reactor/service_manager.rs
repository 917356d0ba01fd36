//! What the server and systemd say to each other: sockets passed in, readiness, reloads, the
//! watchdog. Without systemd all of it does nothing.

use std::collections::HashMap;
use std::os::fd::RawFd;
use std::time::Duration;

use sd_notify::NotifyState;

use crate::relay::moment::Moment;

/// systemd, if the server runs under it.
#[derive(Debug)]
pub(super) struct ServiceManager {
    passed: HashMap<String, Vec<RawFd>>,
    /// How often it wants to hear that the loop turns.
    watchdog: Option<Duration>,
    next: Moment,
}

impl ServiceManager {
    /// Takes over what was passed in the environment. To be called before the process opens
    /// descriptors that it keeps: one of them could have the number of one that was not passed.
    pub(super) fn new() -> Self {
        let mut passed: HashMap<String, Vec<RawFd>> = HashMap::new();
        match sd_notify::listen_fds_with_names() {
            Ok(descriptors) => {
                for (descriptor, name) in descriptors {
                    passed.entry(name).or_default().push(descriptor);
                }
            }
            Err(error) => log::warn!("sockets passed by systemd are not used: {error}"),
        }
        let watchdog = sd_notify::watchdog_enabled().map(|limit| limit / 2);
        Self {
            passed,
            watchdog,
            next: Moment::default(),
        }
    }

    /// Takes the sockets of a `FileDescriptorName`.
    pub(super) fn take_sockets(&mut self, name: &str) -> Vec<RawFd> {
        self.passed.remove(name).unwrap_or_default()
    }

    /// The names of the sockets that nobody has taken.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.passed.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// All listeners are bound, or the settings were read again.
    pub(super) fn ready(&self) {
        notify(&[NotifyState::Ready]);
    }

    /// The settings are about to be read again.
    pub(super) fn reloading(&self) {
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            notify(&[NotifyState::Reloading, now]);
        }
    }

    /// The server is about to exit.
    pub(super) fn stopping(&self) {
        notify(&[NotifyState::Stopping]);
    }

    /// When [`Self::keep_alive`] has something to say.
    pub(super) fn next_deadline(&self) -> Option<Moment> {
        self.watchdog.map(|_| self.next)
    }

    /// Tells the watchdog that the loop turns.
    pub(super) fn keep_alive(&mut self, now: Moment) {
        if let Some(interval) = self.watchdog
            && now >= self.next
        {
            self.next = now + interval;
            notify(&[NotifyState::Watchdog]);
        }
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        log::warn!("systemd was not told {states:?}: {error}");
    }
}
