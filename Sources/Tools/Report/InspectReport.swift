internal import Architectures
internal import Converters
internal import QAMFormat

/// The contents of a model file, as JSON or as tables.
struct InspectReport {
    let model: ModelInput
    let places: FilePlaces
    /// The scheme of a checkpoint quantized by another tool.
    let scheme: QuantizationScheme?

    init(_ model: ModelInput) throws {
        self.model = model
        places = try FilePlaces(model)
        scheme = try model.quantization()
    }

    private var source: any TensorSource { model.source }

    /// The tensor that stores the payload: the tensor itself unless it is an alias.
    private func target(_ tensor: TensorDescriptor) -> TensorDescriptor {
        if case .alias(let index) = tensor.storage { source.tensors[index] } else { tensor }
    }

    /// The type's name in the file's format: for a coded tensor its source type.
    private func dtype(_ tensor: TensorDescriptor) -> String {
        switch target(tensor).storage {
        case .raw(let dtype): dtype.name
        case .coded(let coding): coding.sourceType?.name ?? ""
        case .alias, .unreadable: ""
        }
    }

    /// The coding of a coded tensor; nil for others and for unknown codecs.
    private func coding(_ tensor: TensorDescriptor) -> CodingDescription? {
        try? CodecRegistry.describe(tensor, shared: source.shared)
    }

    // MARK: JSON

    var json: JSONValue {
        let size = ModelSize(source)
        return [
            "file": .string(model.path), "format": .string(model.format.rawValue), "version": model.version.map(JSONValue.string) ?? .null,
            "fileBytes": JSONValue(model.fileBytes), "parameters": JSONValue(size.parameters), "bitsPerWeight": .number(size.bitsPerWeight),
            "tensorCounts": size.tensorsJSON, "quantized": size.quantizedJSON,
            "tensors": .array(zip(source.tensors, places.tensors).map(json)),
            "producer": model.reader?.producer.map(JSONValue.string) ?? .null,
            "metadata": .object(source.metadata.entries.map { .init($0.key, JSONValue($0.value)) }),
            "sections": .array(places.sections.map(Self.json)),
            "shards": .array(places.shards.map { ["file": .string($0.file), "bytes": JSONValue($0.bytes), "tensors": JSONValue($0.tensors)] }),
            "files": .array(source.files.map { ["name": .string($0.name), "bytes": JSONValue($0.byteCount), "role": JSONValue(Int($0.role.rawValue))] }),
            "scheme": scheme.map { ["method": .string($0.method.title), "format": $0.format.map(JSONValue.string) ?? .null, "evidence": .string($0.evidence)] }
                ?? .null,
            "warnings": .array(source.warnings.map(JSONValue.string)),
        ]
    }

    private func json(_ tensor: TensorDescriptor, _ place: FilePlaces.Place) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("name", .string(tensor.name)), .init("shape", .array(tensor.shape.map { JSONValue($0) })), .init("dtype", .string(dtype(tensor))),
            .init("bytes", JSONValue(tensor.byteCount)), .init("offset", JSONValue(place.offset)),
        ]
        if let file = place.file { members.append(.init("file", .string(file))) }
        if case .alias(let index) = tensor.storage { members.append(.init("aliasOf", .string(source.tensors[index].name))) }
        if let coding = coding(target(tensor)) {
            members.append(
                .init(
                    "encoding",
                    [
                        "codec": .string(coding.codec), "bits": .number(coding.bits), "codebook": coding.codebook.map(JSONValue.string) ?? .null,
                        "blockSize": coding.blockSize.map { JSONValue($0) } ?? .null, "seed": coding.seed.map { JSONValue($0) } ?? .null,
                        "gainType": .string(coding.gainType.name),
                        "channelScales": .bool(coding.channelScales),
                    ]))
        }
        return .object(members)
    }

    private static func json(_ section: FilePlaces.Section) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("name", .string(section.name)), .init("offset", JSONValue(section.offset)), .init("length", JSONValue(section.length)),
            .init("contentLength", JSONValue(section.contentLength)),
        ]
        if let checksum = section.checksum { members.append(.init("checksum", .string(Format.hexadecimal(checksum)))) }
        if let file = section.file { members.append(.init("file", .string(file))) }
        return .object(members)
    }

    // MARK: Tables

    var overview: [String] {
        let size = ModelSize(source)
        var table = Table.pairs
        table.add("format", [model.format.title, model.version].compactMap(\.self).joined(separator: " "))
        if let producer = model.reader?.producer { table.add("written by", producer) }
        table.add("size", "\(Format.bytes(model.fileBytes)) (\(Format.count(model.fileBytes)) bytes)")
        for (number, shard) in places.shards.enumerated() {
            let title = number == 0 ? "set of \(places.shards.count)" : ""
            table.add(title, "\(shard.file), \(Format.bytes(shard.bytes)), \(Format.count(shard.tensors, "tensor"))")
        }
        table.add("parameters", Format.count(size.parameters))
        table.add("bits per weight", Format.decimal(size.bitsPerWeight, 3))
        if let unpacked = model.unpacked {
            table.add("packed", "contains \(Format.count(unpacked.tensors.count, "tensor")) of a .qamw file; convert unpacks it")
        }
        if let scheme { table.add("quantized with", "\(scheme.method.title)\(scheme.format.map { ", \($0)" } ?? ""); \(scheme.evidence)") }
        let files = source.files.map { "\($0.name) (\(Format.bytes($0.byteCount)))" }
        for (index, line) in Format.wrapped(files, width: 60).enumerated() {
            table.add(index > 0 ? "" : model.reader == nil ? "side files" : "embedded files", line)
        }
        var lines = [Format.printable(model.path)] + table.lines + [""] + encodings(size).lines
        let layers = LayerTable(source) { coding($0).map { Format.decimal($0.bits, 1) } ?? dtype($0) }.lines
        if !layers.isEmpty { lines += [""] + layers }
        let shown = 8
        let entries = source.metadata.entries
        if !entries.isEmpty { lines += [""] + metadata(entries.prefix(shown), width: 80) }
        if entries.count > shown { lines.append("  and \(entries.count - shown) more: --metadata") }
        return lines
    }

    /// The number of weights per storage type.
    private func encodings(_ size: ModelSize) -> Table {
        struct Group {
            var tensors = 0
            var parameters = 0
            var bytes = 0
        }
        var groups: [String: Group] = [:]
        for tensor in source.tensors {
            var group = groups[encoding(tensor), default: Group()]
            group.tensors += 1
            if case .alias = tensor.storage {} else { group.parameters += tensor.elementCount }
            group.bytes += tensor.byteCount
            groups[encoding(tensor)] = group
        }
        var table = Table([("ENCODING", .left), ("TENSORS", .right), ("WEIGHTS", .right), ("SHARE", .right), ("BYTES", .right), ("BITS", .right)])
        for (name, group) in groups.sorted(by: { ($1.value.bytes, $0.key) < ($0.value.bytes, $1.key) }) {
            let bits = group.parameters > 0 ? Format.decimal(Double(group.bytes) * 8 / Double(group.parameters), 3) : ""
            table.add(
                name, Format.count(group.tensors), Format.count(group.parameters), Format.percent(group.parameters, of: size.parameters),
                Format.bytes(group.bytes), bits)
        }
        return table
    }

    private func encoding(_ tensor: TensorDescriptor) -> String {
        switch tensor.storage {
        case .raw(let dtype): dtype.name
        case .alias: "alias"
        case .unreadable: "unreadable"
        case .coded: coding(tensor).map { "\($0.code.family.name) \(Format.decimal($0.bits, 1)) bits" } ?? "unknown codec"
        }
    }

    var tensorTable: [String] {
        var table = Table([
            ("TENSOR", .left), ("SHAPE", .left), ("TYPE", .left), ("ENCODING", .left), ("BLOCK", .right), ("BYTES", .right), ("OFFSET", .right), ("", .left),
        ])
        for (tensor, place) in zip(source.tensors, places.tensors) {
            var remark = place.file ?? ""
            if case .alias(let index) = tensor.storage { remark = "of \(source.tensors[index].name)" }
            let coding = coding(tensor)
            table.add(
                tensor.name, Format.shape(tensor.shape), dtype(tensor), encoding(tensor), coding?.blockSize.map { "\($0)" } ?? "",
                Format.count(tensor.byteCount), Format.count(place.offset), remark)
        }
        return table.lines
    }

    var sectionTable: [String] {
        var table = Table([("SECTION", .left), ("OFFSET", .right), ("LENGTH", .right), ("CONTENT", .right), ("CHECKSUM", .left), ("", .left)])
        for section in places.sections {
            table.add(
                section.name, Format.count(section.offset), Format.count(section.length), Format.count(section.contentLength),
                section.checksum.map(Format.hexadecimal) ?? "", section.file ?? "")
        }
        return table.lines
    }

    var metadataTable: [String] { metadata(source.metadata.entries[...]) }

    /// - Parameter width: how long lines may be.
    private func metadata(_ entries: ArraySlice<Metadata.Entry>, width: Int = 120) -> [String] {
        let names = (entries.map(\.key.count).max() ?? 0) + (entries.map(\.value.typeName.count).max() ?? 0)
        let limit = min(60, max(16, width - names - 24))
        var table = Table([("METADATA", .left), ("TYPE", .left), ("VALUE", .left)])
        for entry in entries { table.add(entry.key, entry.value.typeName, Format.value(entry.value, limit: limit)) }
        return table.lines
    }
}
