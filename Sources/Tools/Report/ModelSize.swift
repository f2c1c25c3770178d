internal import Architectures
internal import QAMFormat

/// What a model comes to, for scripts.
extension ModelSize {
    var tensorsJSON: JSONValue {
        ["quantized": JSONValue(quantizedCount), "raw": JSONValue(rawCount), "aliased": JSONValue(aliasCount)]
    }

    var quantizedJSON: JSONValue {
        [
            "parameters": JSONValue(quantizedParameters), "bytes": JSONValue(quantizedBytes), "overheadBytes": JSONValue(overheadBytes),
            "bitsPerWeight": .number(quantizedBitsPerWeight),
        ]
    }
}
