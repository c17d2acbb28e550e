//! Values of settings that are written as text: how names are looked up, and addresses.
//!
//! Feeds the settings. The messages leave the value out, since whoever reads a list names
//! the entry.

use std::net::{AddrParseError, IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::{IpNet, PrefixLenError};
use thiserror::Error;

const DNS_PORT: u16 = 53;

/// Who answers for the names of receivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LookupBackendName {
    NameServers,
    System,
}

/// Why a text is not a way to look names up.
#[derive(Debug, Error)]
#[error("must be \"name-servers\" or \"system\"")]
pub(super) struct LookupBackendNameError;

impl FromStr for LookupBackendName {
    type Err = LookupBackendNameError;

    fn from_str(text: &str) -> Result<Self, LookupBackendNameError> {
        match text {
            "name-servers" => Ok(Self::NameServers),
            "system" => Ok(Self::System),
            _ => Err(LookupBackendNameError),
        }
    }
}

/// An IP address, with or without a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NameServerAddress(pub(super) SocketAddr);

/// Why a text is not the address of a name server.
#[derive(Debug, Error)]
#[error("must be an IP address, with or without a port")]
pub(super) struct NameServerAddressError(#[from] AddrParseError);

impl FromStr for NameServerAddress {
    type Err = NameServerAddressError;

    fn from_str(text: &str) -> Result<Self, NameServerAddressError> {
        let without_port = || text.parse::<IpAddr>().map(|address| (address, DNS_PORT).into());
        Ok(Self(text.parse().or_else(|_| without_port())?))
    }
}

/// A subnet that may, or may not, be POSTed to: an IP address and how many bits of it count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverSubnet(pub IpNet);

/// Why a text is not a subnet.
#[derive(Debug, Error)]
pub enum ReceiverSubnetError {
    #[error("must be an IP address and a prefix length, such as 10.0.0.0/8")]
    NoPrefixLength,
    #[error("what stands before the slash must be an IP address")]
    Address(#[from] AddrParseError),
    #[error("the prefix length, after the slash, must be from 0 to {0}")]
    PrefixLength(u8),
}

impl FromStr for ReceiverSubnet {
    type Err = ReceiverSubnetError;

    fn from_str(text: &str) -> Result<Self, ReceiverSubnetError> {
        let (address, bits) = text.split_once('/').ok_or(ReceiverSubnetError::NoPrefixLength)?;
        let address: IpAddr = address.parse()?;
        let wrong = ReceiverSubnetError::PrefixLength(IpNet::from(address).max_prefix_len());
        let Ok(bits) = bits.parse() else { return Err(wrong) };
        IpNet::new(address, bits).map(Self).map_err(|PrefixLenError| wrong)
    }
}
