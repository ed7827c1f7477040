//! The inventory, folded as it comes: each device has a verdict, and none is kept.

use crate::tenants::Tenants;
use crate::wire::{Device, Tenant};
use crate::{BILLABLE, DEVICES, DISABLED, METRICS, Mode, bill};
use std::collections::BTreeSet;
use tallysheet_core::{Devices, Notice, OrgCounts, Standing, Verdict};

/// What Auvik bills where it is managed (README, What is counted).
const BILLED: &str = "router switch l3switch voipswitch stack firewall utm controller";
/// The other types there are.
const FREE: &str = "unknown accesspoint workstation server storage printer copier hypervisor multimedia phone tablet \
                    handheld virtualappliance bridge hub modem ups module loadbalancer camera telecommunications \
                    packetprocessor chassis airconditioner virtualmachine pdu ipphone backhaul internetofthings \
                    backupdevice timeclock lightingdevice audiovisual securityappliance alarm buildingmanagement ipmi \
                    thinaccesspoint thinclient";

/// The devices of every company.
pub(crate) struct Inventory<'a> {
    mode: Mode,
    tenants: &'a Tenants,
    fold: Devices,
    /// The companies with a device of which Auvik does not tell whether it is billable.
    untold: BTreeSet<String>,
    /// How many devices are of a type that came after this was written.
    unknown: usize,
}

impl<'a> Inventory<'a> {
    pub(crate) fn new(mode: Mode, tenants: &'a Tenants) -> Self {
        let mut fold = Devices::new(METRICS);
        tenants.clients().for_each(|client| fold.org(tenants.company_of(client).org(), Standing::Customer));
        Self { mode, tenants, fold, untold: BTreeSet::new(), unknown: 0 }
    }

    /// Adds a device. One that another list told already is ignored.
    pub(crate) fn add(&mut self, device: &Device) {
        let tenant = self.tenants.get(device.tenant());
        let company = tenant.map(|tenant| self.tenants.company_of(tenant));
        let org_id = company.map_or(device.tenant(), |company| company.id.as_str());
        if let Some(holder) = company.filter(|company| !company.is_client()) {
            self.fold.org(holder.org(), Standing::Customer);
        }
        let is_closed = tenant.is_some_and(Tenant::is_disabled);
        let before = self.fold.len();
        let total = Verdict::counted([&DEVICES]);
        for (what, verdict) in [("device", Some(total)), ("billable", self.verdict(device))] {
            let verdict = verdict.map(|verdict| verdict.left_out_if(is_closed, DISABLED));
            verdict.into_iter().for_each(|verdict| self.fold.add(org_id, &format!("{what} {}", device.id), &verdict));
        }
        if self.fold.len() > before {
            self.untold.extend((!is_closed && device.is_untold()).then(|| org_id.to_owned()));
            self.unknown += usize::from(!device.is_known());
        }
    }

    /// Types that Auvik made since are not billable until somebody says so: that is told.
    pub(crate) fn unknown_types(&self) -> Option<Notice> {
        let unknown = self.unknown;
        let message =
            format!("{unknown} devices are of a type that is not known here; they are not taken for billable");
        (unknown > 0).then(|| Notice::warning(None, message))
    }

    pub(crate) fn finish(self) -> Vec<OrgCounts> {
        let mut orgs = self.fold.finish();
        orgs.iter_mut().filter(|org| self.untold.contains(&org.org.id)).for_each(|org| bill(org, None));
        orgs
    }

    /// What Auvik would bill today (README, What is counted): not asked where it tells itself.
    fn verdict(&self, device: &Device) -> Option<Verdict> {
        let is_managed = device.attributes.manage_status == Some(true);
        let billed = self.mode == Mode::Inventory && device.is_of(BILLED);
        billed.then(|| Verdict::counted([&BILLABLE]).left_out_if(!is_managed, "not managed by Auvik"))
    }
}

impl Device {
    fn is_of(&self, types: &str) -> bool {
        self.attributes.device_type.as_ref().is_some_and(|own| types.split_whitespace().any(|word| *word == **own))
    }

    fn is_known(&self) -> bool {
        self.attributes.device_type.is_none() || self.is_of(BILLED) || self.is_of(FREE)
    }

    /// Whether it might be billable, and Auvik does not tell.
    fn is_untold(&self) -> bool {
        match (&self.attributes.device_type, self.attributes.manage_status) {
            (None, managed) => managed != Some(false),
            (Some(_), None) => self.is_of(BILLED),
            (Some(_), Some(_)) => false,
        }
    }
}
