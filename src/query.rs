//! Datadog's metric query language, the part that monitors, dashboards and SLOs use: parsed, printed, evaluated. Pure.
