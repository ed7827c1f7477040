//! Invented company names: any number of them, each unlike every other even when case, spaces and legal form are ignored.

use fastrand::Rng;
use std::collections::HashSet;

const FIRST: &[&str] = &[
    "Alder", "Amber", "Ash", "Birch", "Bramble", "Cedar", "Clover", "Copper", "Coral", "Crane", "Dune", "Elm", "Ember",
    "Falcon", "Fern", "Flint", "Foxglove", "Garnet", "Granite", "Harbor", "Hawthorn", "Hazel", "Heron", "Ivory",
    "Juniper", "Kestrel", "Lantern", "Larkspur", "Linden", "Magnolia", "Maple", "Marlow", "Meadow", "Merlin", "Mill",
    "Orchard", "Osprey", "Pebble", "Quarry", "Raven", "Rowan", "Saffron", "Sparrow", "Sycamore", "Thistle", "Walnut",
    "Willow", "Wren",
];
const SECOND: &[&str] = &[
    "Bay", "Bend", "Bridge", "Brook", "Cove", "Creek", "Crossing", "Dale", "Field", "Gate", "Glen", "Grove", "Hill",
    "Hollow", "Lake", "Lane", "Park", "Point", "Ridge", "River", "Rock", "Springs", "Valley", "View",
];
const TRADE: &[&str] = &[
    "Accounting",
    "Animal Hospital",
    "Architects",
    "Auto Repair",
    "Bakery",
    "Brewing",
    "Builders",
    "Care Home",
    "Chiropractic",
    "Credit Union",
    "Dental",
    "Engineering",
    "Eye Care",
    "Farm Supply",
    "Freight",
    "Furniture",
    "Insurance",
    "Law",
    "Machine Works",
    "Montessori",
    "Nursery",
    "Orthodontics",
    "Pediatrics",
    "Pharmacy",
    "Physiotherapy",
    "Plumbing",
    "Printing",
    "Property",
    "Realty",
    "Roofing",
    "Surveying",
    "Veterinary",
    "Winery",
];
/// One legal form in the spellings of [`Spelling`].
const FORMS: &[[&str; 4]] = &[
    ["", "", "", ""],
    [", LLC", " LLC", "", " llc"],
    [", Inc.", " Incorporated", "", " Inc"],
    [" Ltd.", " Limited", "", " LTD"],
    [" LLP", " LLP", "", " llp"],
    [" Corp.", " Corporation", "", " Corp"],
];

/// How a book-keeper of a vendor's portal writes the legal form.
#[derive(Clone, Copy)]
pub(crate) enum Spelling {
    Usual,
    Long,
    Without,
    Short,
}

/// A company's name, apart from how its legal form is spelled.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    plain: String,
    form: usize,
}

impl Name {
    pub(crate) fn spelled(&self, spelling: Spelling) -> String {
        format!("{}{}", self.plain, FORMS[self.form][spelling as usize])
    }

    /// The name without legal form, spaces and case.
    pub(crate) fn key(&self) -> String {
        self.plain.to_lowercase().split_whitespace().collect()
    }

    pub(crate) fn domain(&self) -> String {
        format!("{}.example", self.key())
    }
}

/// Draws names, none twice.
pub(crate) struct Names {
    rng: Rng,
    taken: HashSet<String>,
}

impl Names {
    pub(crate) fn new(rng: Rng) -> Self {
        Self { rng, taken: HashSet::new() }
    }

    pub(crate) fn draw(&mut self) -> Name {
        let mut attempts = 0_u32;
        loop {
            attempts += 1;
            let mut plain = [FIRST, SECOND, TRADE].map(|words| words[self.rng.usize(..words.len())]).join(" ");
            // Where most names are taken, a branch number makes one that is not.
            if attempts > 8 {
                plain = format!("{plain} {attempts}");
            }
            let name = Name { plain, form: self.rng.usize(..FORMS.len()) };
            if self.taken.insert(name.key()) {
                return name;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_names_is_unique() {
        let mut names = Names::new(Rng::with_seed(1));
        let keys: HashSet<String> = (0..60_000).map(|_| names.draw().key()).collect();
        assert_eq!(keys.len(), 60_000);
    }
}
