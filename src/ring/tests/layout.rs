//! Where things lie in memory.

use crate::sync::Padded;

#[test]
fn padded_values_lie_128_bytes_apart() {
    let pair = [Padded(1_u8), Padded(2_u8)];
    let [one, two] = [&pair[0], &pair[1]].map(|value| std::ptr::from_ref(value).addr());
    assert_eq!((one % 128, two - one), (0, 128));
}
