import QAMFormat
import Testing

/// Directories with many tensors, most of which repeat the form of an earlier one.
@Suite struct StoredDirectoryTests {
    /// Tensors with `forms` forms in turn, coded and raw, followed by an alias.
    private static func directory(tensors: Int, forms: Int) -> Directory {
        var directory = Directory()
        var placement = Placement()
        for index in 0..<tensors {
            let form = index % forms, rows = 2 + form / 2, columns = 64, first = directory.extents.count
            let storage: TensorDescriptor.Storage
            if form.isMultiple(of: 2) {
                let streams = [StreamLayout(role: .symbols, extent: .perRow(44)), StreamLayout(role: .gains, extent: .perRow(2))]
                for stream in streams {
                    directory.extents.append(placement.next(stream.role.section, length: stream.byteCount(rows: rows)))
                }
                storage = .coded(Coding(codec: .qamPairs, sourceType: .bf16, codebook: 0, seed: 0, parameters: [2, 8, 6, 1], streams: streams))
            } else {
                directory.extents.append(placement.next(.raw, length: 4 * rows * columns))
                storage = .raw(.f32)
            }
            directory.append(TensorDescriptor(name: "layer.\(index).weight", shape: [rows, columns], storage: storage), firstExtent: first)
        }
        let alias = TensorDescriptor(name: "alias", shape: [2, 64], storage: .alias(of: 0))
        directory.append(alias, firstExtent: directory.extents.count)
        return directory
    }

    private static func parse(_ bytes: [UInt8]) throws -> StoredDirectory {
        try StoredDirectory(bytes, base: 0, sharedCounts: (1, 1))
    }

    /// Also more forms than the parser caches.
    @Test(arguments: [1, 2, 7, 16, 17, 40])
    func everyTensorIsReadAsItWasWritten(forms: Int) throws {
        let written = Self.directory(tensors: 100, forms: forms)
        let read = try Self.parse(written.encoded)
        #expect(read.count == 101)
        #expect((0..<read.count).map(read.descriptor) == written.tensors)
        #expect(read.extentCount == written.extents.count)
        for (index, tensor) in written.tensors.enumerated() {
            #expect(read.extents(of: index).map(\.extent) == Array(written.extents(of: index)))
            #expect(read.position(of: tensor.name) == index)
        }
        #expect(read.position(of: "layer.100.weight") == nil)
        for section in [SectionName.symbols, .scales, .raw] {
            #expect(read.extents(in: section).map(\.extent) == written.extents(in: section))
        }
        if forms <= 16 { #expect(read.forms.count == forms + 1, "every form is kept once") }
    }

    /// A record that differs from an earlier one in a single byte is not treated as equal to it.
    @Test func everyByteOfARepeatedRecordIsLookedAt() throws {
        let written = Self.directory(tensors: 6, forms: 2), good = written.encoded
        let names = try (0..<6).map { index in
            let name = Array("layer.\(index).weight".utf8)
            return try #require(good.indices.first { good[$0...].starts(with: name) }) + name.count
        }
        for tensor in 2..<5 {
            // The length of the next name ends the record. Some bytes are unused: after the number of extents, in extents and in streams.
            let unused = [7] + Array(25..<32) + (tensor.isMultiple(of: 2) ? Array(49..<56) + [86, 87, 98, 99] : [50, 51])
            for position in names[tensor]..<names[tensor + 1] - 4 - "layer.0.weight".utf8.count where !unused.contains(position - names[tensor]) {
                var changed = good
                changed[position] ^= 0x40
                guard let read = try? Self.parse(changed) else { continue }
                #expect(read.descriptor(tensor) != written.tensors[tensor], "byte \(position) was overlooked")
            }
        }
    }

    @Test func aRepeatedRecordInTheWrongPlaceIsRefused() throws {
        for tensor in 0..<4 {
            var written = Self.directory(tensors: 4, forms: 2)
            let number = written.places[tensor].extents.lowerBound, offset = written.extents[number].offset
            written.extents[number].offset += 64
            let error = #expect(throws: QAMError.self) { try Self.parse(written.encoded) }
            #expect(error?.code == .malformed)
            #expect(error?.message.contains("lies at \(offset + 64), but belongs at \(offset)") == true)
        }
    }

    @Test func twoTensorsOfOneNameAreRefused() throws {
        var written = Self.directory(tensors: 3, forms: 1)
        written.append(TensorDescriptor(name: "layer.1.weight", shape: [2, 64], storage: .alias(of: 2)), firstExtent: written.extents.count)
        let error = #expect(throws: QAMError.self) { try Self.parse(written.encoded) }
        #expect(error?.message == "there are two tensors \"layer.1.weight\"")
    }
}
