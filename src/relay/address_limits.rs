//! Limits per address: connections, handshakes, failed logins. An address costs nothing once it
//! has no connection and its rates have recovered.

use std::collections::HashMap;
use std::time::Duration;

use crate::limits::{Limit, Limits};
use crate::protocol::forwarded_for::AddressKey;
use crate::relay::moment::Moment;
use crate::relay::rate::{Rate, RateState};

/// How long failed logins are remembered, and how long an address is then refused.
pub const LOGIN_WINDOW: Duration = Duration::from_secs(60);

/// How often the table is searched for addresses that can be forgotten.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
struct Record {
    connections: usize,
    handshakes: RateState,
    failed_logins: usize,
    logins_since: Moment,
    refused_until: Moment,
}

impl Record {
    fn is_forgettable(&self, now: Moment) -> bool {
        self.connections == 0
            && self.handshakes.is_idle(now)
            && self.refused_until <= now
            && (self.failed_logins == 0 || now.since(self.logins_since) > LOGIN_WINDOW)
    }
}

/// The addresses that are connected or were lately.
#[derive(Debug, Default)]
pub struct AddressLimits {
    records: HashMap<AddressKey, Record>,
    swept: Moment,
}

impl AddressLimits {
    /// Counts a connection.
    ///
    /// # Errors
    /// The limit, if the address has as many as it may; then nothing is counted.
    pub fn connect(&mut self, key: AddressKey, limits: &Limits, now: Moment) -> Result<(), Limit> {
        self.sweep(now);
        let record = self.records.entry(key).or_default();
        if record.connections >= limits.connections_per_address {
            return Err(Limit::ConnectionsPerAddress);
        }
        record.connections += 1;
        Ok(())
    }

    /// A counted connection has ended.
    pub fn disconnect(&mut self, key: AddressKey) {
        if let Some(record) = self.records.get_mut(&key) {
            record.connections = record.connections.saturating_sub(1);
        }
    }

    /// Checks that the address may try to log in.
    ///
    /// # Errors
    /// The limit, if it failed too often lately.
    pub fn check_logins(&self, key: AddressKey, now: Moment) -> Result<(), Limit> {
        match self.records.get(&key) {
            Some(record) if record.refused_until > now => Err(Limit::FailedLogins),
            _ => Ok(()),
        }
    }

    /// Counts a handshake.
    ///
    /// # Errors
    /// The limit, if the address makes them too fast.
    pub fn handshake(
        &mut self,
        key: AddressKey,
        limits: &Limits,
        now: Moment,
    ) -> Result<(), Limit> {
        self.sweep(now);
        let record = self.records.entry(key).or_default();
        let rate = Rate::new(
            limits.handshakes_per_address,
            limits.handshakes_per_address_burst,
        );
        if record.handshakes.admit(rate, now) {
            Ok(())
        } else {
            Err(Limit::HandshakesPerAddress)
        }
    }

    /// Counts an authentication that failed. True if the address is refused from now on.
    pub fn failed_login(&mut self, key: AddressKey, limits: &Limits, now: Moment) -> bool {
        let record = self.records.entry(key).or_default();
        if now.since(record.logins_since) > LOGIN_WINDOW {
            record.logins_since = now;
            record.failed_logins = 0;
        }
        record.failed_logins += 1;
        if record.failed_logins >= limits.failed_logins {
            record.refused_until = now + LOGIN_WINDOW;
            record.failed_logins = 0;
        }
        record.refused_until > now
    }

    /// The connections counted for an address.
    pub fn connections(&self, key: AddressKey) -> usize {
        self.records
            .get(&key)
            .map_or(0, |record| record.connections)
    }

    /// The addresses remembered.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// True if no address is remembered.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Forgets what has recovered, now and then, so that the cost per handshake is small.
    fn sweep(&mut self, now: Moment) {
        if now.since(self.swept) >= SWEEP_INTERVAL {
            self.swept = now;
            self.records.retain(|_, record| !record.is_forgettable(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::forwarded_for::address_key;
    use std::net::IpAddr;

    fn key(text: &str) -> AddressKey {
        address_key(text.parse::<IpAddr>().unwrap())
    }

    fn at(seconds: u64) -> Moment {
        Moment::since_start(Duration::from_secs(seconds))
    }

    #[test]
    fn connections_are_counted_per_address_and_per_64() {
        let limits = Limits {
            connections_per_address: 2,
            ..Limits::default()
        };
        let mut table = AddressLimits::default();
        assert_eq!(table.connect(key("2001:db8::1"), &limits, at(1)), Ok(()));
        assert_eq!(table.connect(key("2001:db8::2"), &limits, at(1)), Ok(()));
        assert_eq!(
            table.connect(key("2001:db8::ffff:0:0:3"), &limits, at(1)),
            Err(Limit::ConnectionsPerAddress)
        );
        assert_eq!(
            table.connect(key("2001:db8:0:1::1"), &limits, at(1)),
            Ok(())
        );
        assert_eq!(table.connect(key("192.0.2.1"), &limits, at(1)), Ok(()));
        table.disconnect(key("2001:db8::1"));
        assert_eq!(table.connect(key("2001:db8::9"), &limits, at(1)), Ok(()));
    }

    #[test]
    fn handshakes_have_a_rate_and_a_burst() {
        let limits = Limits::default();
        let mut table = AddressLimits::default();
        let admitted = (0..100)
            .filter(|_| table.handshake(key("192.0.2.1"), &limits, at(1)).is_ok())
            .count();
        assert_eq!(admitted, 50);
        let admitted = (0..100)
            .filter(|_| table.handshake(key("192.0.2.1"), &limits, at(2)).is_ok())
            .count();
        assert_eq!(admitted, 20);
    }

    #[test]
    fn failed_logins_shut_the_address_out_for_a_minute() {
        let limits = Limits::default();
        let mut table = AddressLimits::default();
        for _ in 0..9 {
            table.failed_login(key("192.0.2.1"), &limits, at(10));
        }
        assert_eq!(table.check_logins(key("192.0.2.1"), at(11)), Ok(()));
        table.failed_login(key("192.0.2.1"), &limits, at(11));
        assert_eq!(
            table.check_logins(key("192.0.2.1"), at(12)),
            Err(Limit::FailedLogins)
        );
        assert_eq!(table.check_logins(key("192.0.2.2"), at(12)), Ok(()));
        assert_eq!(table.check_logins(key("192.0.2.1"), at(71)), Ok(()));
    }

    #[test]
    fn an_address_costs_nothing_once_gone() {
        let limits = Limits::default();
        let mut table = AddressLimits::default();
        for host in 0..100 {
            let key = key(&format!("192.0.2.{host}"));
            table.connect(key, &limits, at(1)).unwrap();
            table.handshake(key, &limits, at(1)).unwrap();
            table.disconnect(key);
        }
        table
            .handshake(key("198.51.100.1"), &limits, at(500))
            .unwrap();
        assert_eq!(table.len(), 1);
    }
}
