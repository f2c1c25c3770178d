package import QAMFormat

extension QuantizingSource {
    /// Sources that code plain weights as the tensors of a .qamw file of the same names are coded, as far as the file records how: one for each combination of
    /// what it does not record. Whether the codes are the same, checksums tell; those of error feedback are not.
    ///
    /// Channel scales are the file's own. A tensor whose scales are damaged, or that cannot be coded from these weights, is left as it is.
    package static func recoding(_ base: any TensorSource, as file: QAMReader) throws -> [QuantizingSource] {
        let plain = try CastingSource(base) { tensor in
            guard let index = file.index(of: tensor.name), case .raw(let dtype) = file.tensors[index].storage else { return nil }
            return ElementConversion.encodable.contains(dtype) && dtype != .f64 && tensor.columns % dtype.blockElements == 0 ? dtype : nil
        }
        var choices: [Int: QuantizationChoice] = [:], gainTypes: [Int: GainType] = [:]
        for (index, tensor) in plain.tensors.enumerated() {
            guard let stored = file.index(of: tensor.name), let (choice, gainType) = choice(for: stored, of: file),
                file.tensors[stored].shape == tensor.shape, QuantizationPlan.obstacle(tensor, to: choice.code.family) == nil
            else { continue }
            choices[index] = choice
            gainTypes[index] = gainType
        }
        if choices.isEmpty { return [try QuantizingSource(plain, plan: QuantizationPlan(choices: [:]), gainTypes: [:])] }
        let isTrellis = choices.values.contains { $0.code.family == .trellis }
        return try (isTrellis ? Effort.allCases : [.normal]).flatMap { effort in
            try [nil, false, true].map { refit in
                try QuantizingSource(plain, plan: QuantizationPlan(choices: choices, refit: refit, effort: effort), gainTypes: gainTypes)
            }
        }
    }

    private static func choice(for tensor: Int, of file: QAMReader) -> (QuantizationChoice, GainType)? {
        let descriptor = file.tensors[tensor]
        guard case .coded(let coding) = descriptor.storage, let description = try? CodecRegistry.describe(descriptor, shared: file.shared) else { return nil }
        var scales: [Float]?
        if let stream = coding.streams.firstIndex(where: { $0.role == .channelScales }) {
            guard let stored = try? ChannelScales.parse(file.readWhole(stream: stream, of: tensor)) else { return nil }
            scales = stored
        }
        let choice = QuantizationChoice(
            description.code, blockSizeCap: description.blockSize ?? 2, seed: description.seed ?? 0, channelScales: scales)
        return (choice, description.gainType)
    }

    /// What sections of a file may hold that was written with the built-in codebooks and the usual seed: the codebooks that the damaged bytes come nearest to.
    package static func usualContents(of section: SectionName, damaged: [UInt8]) throws -> [[UInt8]] {
        switch section {
        case .seeds: return [SharedTables(seeds: [Quantizer.Options().seed]).encodedSeeds]
        case .codebooks:
            let records = try CodecRegistry.families.flatMap(\.codes).compactMap { try Coders.coder($0).codebook }
            var tables = SharedTables(), position = 8
            while position < damaged.count {
                let fitting = records.map { record in (record, Array(SharedTables(codebooks: [record]).encodedCodebooks.dropFirst(8))) }
                    .filter { $0.1.count <= damaged.count - position }
                func likeness(_ bytes: [UInt8]) -> Double { Double(zip(bytes, damaged[position...]).count { $0 == $1 }) / Double(bytes.count) }
                guard let nearest = fitting.max(by: { likeness($0.1) < likeness($1.1) }) else { break }
                tables.codebooks.append(nearest.0)
                position += nearest.1.count
            }
            return [tables.encodedCodebooks]
        default: return []
        }
    }
}
