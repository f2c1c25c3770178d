/// Divisors of the rotary embedding's frequencies: small tensors in GGUF, formulas or lists in config.json.
package enum RopeFactors {
    package static let frequencies = "rope_freqs.weight"
    package static let long = "rope_factors_long.weight"
    package static let short = "rope_factors_short.weight"
}
