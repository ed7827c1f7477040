//! The invented MSP: its companies, their sizes, and the part that some of them play in the story.

use crate::Options;
use crate::books::Entry;
use crate::names::{Name, Names, Spelling};
use fastrand::Rng;
use tallysheet_core::{Error, Result};

/// The MSP, the same for the same options.
pub(crate) struct Msp {
    seed: u64,
    /// How many calls a token serves.
    pub(crate) token_calls: usize,
    pub(crate) companies: Vec<Company>,
    /// Customers at vendors that no row of the companies file knows.
    pub(crate) strangers: Vec<Name>,
}

/// A customer.
pub(crate) struct Company {
    pub(crate) name: Name,
    /// What it calls itself where its name cannot be recognised.
    alias: Name,
    pub(crate) role: Option<Role>,
    pub(crate) account: String,
    pub(crate) autotask: String,
    pub(crate) users: u32,
    pub(crate) workstations: u32,
    pub(crate) servers: u32,
}

/// What is to be seen at one company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    ByName,
    ByDomain,
    ByPsaId,
    TwoSites,
    TwoOrgs,
    NoDevices,
    OnDemand,
    ShortList,
    StaleId,
    NoConsent,
    Declined,
    NoQuantity,
    LockedAccount,
    FailingClient,
}

impl Role {
    const ALL: [Self; 14] = [
        Self::ByName,
        Self::ByDomain,
        Self::ByPsaId,
        Self::TwoSites,
        Self::TwoOrgs,
        Self::NoDevices,
        Self::OnDemand,
        Self::ShortList,
        Self::StaleId,
        Self::NoConsent,
        Self::Declined,
        Self::NoQuantity,
        Self::LockedAccount,
        Self::FailingClient,
    ];
}

/// Evidence that a vendor keeps and by which one of its orgs finds its company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Evidence {
    Domain,
    PsaId,
}

/// Whether a company is a vendor's customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Customer,
    /// Not a customer, and the companies file does not say so.
    Absent,
    /// Not a customer, and the companies file says `-`.
    Declined,
}

impl Msp {
    pub(crate) fn invent(options: &Options) -> Result<Self> {
        if options.companies < Role::ALL.len() {
            return Err(Error::config(format!(
                "the simulated MSP needs at least {} companies for its story, not {}",
                Role::ALL.len(),
                options.companies
            )));
        }
        let mut names = Names::new(Rng::with_seed(options.seed));
        let mut rng = Rng::with_seed(options.seed.wrapping_add(1));
        let companies = (0..options.companies)
            .map(|number| {
                let size = options.devices_per_company.max(2);
                let workstations = rng.u32(size / 2..=size + size / 2);
                Company {
                    name: names.draw(),
                    alias: names.draw(),
                    role: Role::ALL.get(number).copied(),
                    account: format!("A-{}", 1001 + number),
                    autotask: (29_000 + number).to_string(),
                    users: workstations + rng.u32(0..=size / 2),
                    workstations,
                    servers: rng.u32(0..=size / 6 + 1),
                }
            })
            .collect();
        let strangers = (0..3).map(|_| names.draw()).collect();
        Ok(Self { seed: options.seed, token_calls: options.token_calls, companies, strangers })
    }

    /// A vendor's own dice: one more vendor does not change the others' numbers.
    pub(crate) fn rng(&self, vendor: &str) -> Rng {
        let fold = |seed: u64, byte: u8| seed.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte);
        Rng::with_seed(vendor.bytes().fold(self.seed, fold))
    }

    /// The company that plays a role.
    pub(crate) fn who(&self, role: Role) -> String {
        self.companies.iter().find(|company| company.role == Some(role)).map(Company::title).unwrap_or_default()
    }
}

impl Company {
    /// Its name in the companies file.
    pub(crate) fn title(&self) -> String {
        self.name.spelled(Spelling::Usual)
    }

    /// The domain in the companies file.
    pub(crate) fn domain(&self) -> Option<String> {
        (self.role != Some(Role::ByName)).then(|| self.name.domain())
    }

    /// Its id in the PSA, as the companies file says it.
    pub(crate) fn psa_id(&self) -> Option<&str> {
        (self.role != Some(Role::ByName)).then_some(self.autotask.as_str())
    }

    /// Its name at a vendor that keeps `evidence` of who it is.
    pub(crate) fn name_at(&self, evidence: Option<Evidence>, spelling: Spelling) -> String {
        let name = if self.found_by().is_some_and(|found| Some(found) == evidence) { &self.alias } else { &self.name };
        name.spelled(spelling)
    }

    /// Its cell in a vendor's column of the companies file: blank where it is to be found without.
    pub(crate) fn entry(&self, evidence: Option<Evidence>, ids: impl IntoIterator<Item = String>) -> Entry {
        let by_name = self.role == Some(Role::ByName);
        if by_name || self.found_by().is_some_and(|found| Some(found) == evidence) {
            return Entry::Blank;
        }
        Entry::Ids(ids.into_iter().collect())
    }

    /// Whether it is a vendor's customer. Who plays a role is everywhere.
    pub(crate) fn presence(&self, rng: &mut Rng) -> Presence {
        match rng.u8(0..16) {
            _ if self.role.is_some() => Presence::Customer,
            0 => Presence::Absent,
            1 => Presence::Declined,
            _ => Presence::Customer,
        }
    }

    fn found_by(&self) -> Option<Evidence> {
        match self.role? {
            Role::ByDomain => Some(Evidence::Domain),
            Role::ByPsaId => Some(Evidence::PsaId),
            _ => None,
        }
    }
}
