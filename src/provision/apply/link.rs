//! Where a person looks at an object.

use crate::provision::object::Kind;

/// The address of an object in the web interface of `site`.
#[must_use]
pub fn link(site: &str, kind: Kind, id: &str) -> String {
    // Sites of two labels have their interface at `app.`; in the others the first label is the interface.
    // <https://docs.datadoghq.com/getting_started/site/>
    let host = if site.matches('.').count() == 1 { format!("app.{site}") } else { site.to_owned() };
    match kind {
        Kind::Monitor => format!("https://{host}/monitors/{id}"),
        Kind::Slo => format!("https://{host}/slo?slo_id={id}"),
        Kind::Dashboard => format!("https://{host}/dashboard/{id}"),
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
