//! Where a person looks at an object.

use crate::config::settings::app;
use crate::provision::object::Kind;

/// The address of an object in the web interface of `site`.
#[must_use]
pub fn link(site: &str, kind: Kind, id: &str) -> String {
    let app = app(site);
    match kind {
        Kind::Monitor => format!("{app}/monitors/{id}"),
        Kind::Slo => format!("{app}/slo?slo_id={id}"),
        Kind::Dashboard => format!("{app}/dashboard/{id}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_site_has_its_interface() {
        for (site, host) in [
            ("datadoghq.com", "app.datadoghq.com"),
            ("datadoghq.eu", "app.datadoghq.eu"),
            ("us3.datadoghq.com", "us3.datadoghq.com"),
            ("ap1.datadoghq.com", "ap1.datadoghq.com"),
            ("ddog-gov.com", "app.ddog-gov.com"),
        ] {
            assert_eq!(link(site, Kind::Monitor, "12"), format!("https://{host}/monitors/12"));
        }
        assert_eq!(link("datadoghq.eu", Kind::Slo, "ab"), "https://app.datadoghq.eu/slo?slo_id=ab");
        assert_eq!(link("datadoghq.eu", Kind::Dashboard, "a-b"), "https://app.datadoghq.eu/dashboard/a-b");
    }
}
