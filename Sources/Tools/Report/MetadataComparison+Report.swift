internal import Architectures
internal import Converters
internal import QAMFormat

/// The differences of metadata and side files, as JSON and as text.
extension MetadataComparison {
    /// The members `metadata` and `files` of a comparison.
    var members: [JSONValue.Member] {
        func list(_ names: [String]) -> JSONValue { .array(names.map(JSONValue.string)) }
        func value(_ value: MetadataValue) -> JSONValue { ["type": .string(value.typeName), "value": JSONValue(value)] }
        return [
            .init(
                "metadata",
                [
                    "missing": list(missing), "extra": list(extra),
                    "different": .array(different.map { ["key": .string($0.key), "reference": value($0.reference), "other": value($0.other)] }),
                ]),
            .init(
                "files",
                [
                    "missing": list(missingFiles), "extra": list(extraFiles),
                    "different": .array(
                        differentFiles.map {
                            [
                                "name": .string($0.name), "referenceBytes": JSONValue($0.referenceBytes), "otherBytes": JSONValue($0.otherBytes),
                                "offset": JSONValue($0.offset),
                            ]
                        }),
                ]),
        ]
    }

    var lines: [String] {
        if isEmpty { return ["  metadata and files: equal"] }
        var table = Table([("METADATA, FILE", .left), ("REFERENCE", .left), ("OTHER", .left)])
        func shown(_ value: MetadataValue) -> String { "\(value.typeName) \(Format.value(value))" }
        for key in missing { table.add(key, "there", "missing") }
        for key in extra { table.add(key, "missing", "there") }
        for change in different { table.add(change.key, shown(change.reference), shown(change.other)) }
        for name in missingFiles { table.add(name, "there", "missing") }
        for name in extraFiles { table.add(name, "missing", "there") }
        for change in differentFiles {
            table.add(
                change.name, "\(Format.count(change.referenceBytes)) bytes", "\(Format.count(change.otherBytes)) bytes, another from byte \(change.offset)")
        }
        return table.lines
    }
}
