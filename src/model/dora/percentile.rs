//! The one definition of a percentile.

/// The `percent`-th percentile by linear interpolation between the two nearest values (Hyndman and Fan's type 7: what
/// numpy, pandas, R and a spreadsheet's `PERCENTILE.INC` do by default), rounded to whole seconds, halves up.
///
/// With the n values in order x\[0\] to x\[n-1\], h = (n-1) * percent/100, it is x\[⌊h⌋\] + (h - ⌊h⌋) * (x\[⌊h⌋+1\] - x\[⌊h⌋\]).
/// `None` without values; 100 at most.
#[must_use]
pub fn percentile(values: &[i64], percent: u8) -> Option<i64> {
    let mut values = values.to_vec();
    values.sort_unstable();
    let hundredths = values.len().checked_sub(1)? * usize::from(percent.min(100));
    let (index, rest) = (hundredths / 100, i128::try_from(hundredths % 100).ok()?);
    let low = *values.get(index)?;
    let high = values.get(index + 1).copied().unwrap_or(low);
    let step = (i128::from(high) - i128::from(low)) * rest;
    i64::try_from(i128::from(low) + (step + 50).div_euclid(100)).ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::percentile;

    #[test]
    fn it_is_what_numpy_says() {
        // numpy.percentile([15, 20, 35, 40, 50], [0, 40, 50, 90, 100]) = [15, 29, 35, 46, 50]
        let values = [50, 15, 40, 20, 35];
        assert_eq!([0, 40, 50, 90, 100].map(|p| percentile(&values, p)), [15, 29, 35, 46, 50].map(Some));
        // numpy.median([1, 2]) = 1.5
        assert_eq!(percentile(&[1, 2], 50), Some(2));
        assert_eq!(percentile(&[7], 90), Some(7));
        assert_eq!(percentile(&[], 50), None);
    }

    proptest! {
        #[test]
        fn for_all_values_it_lies_between_them_and_grows(
            values in proptest::collection::vec(any::<i64>(), 1..20), a in 0u8..=100, b in 0u8..=100,
        ) {
            let (least, most) = (*values.iter().min().unwrap(), *values.iter().max().unwrap());
            let (low, high) = (percentile(&values, a.min(b)).unwrap(), percentile(&values, a.max(b)).unwrap());
            prop_assert!(least <= low && low <= high && high <= most);
        }
    }
}
