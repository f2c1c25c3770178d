internal import CQAMKernels.Pairs

/// Safe wrappers of the C kernels for pairs.
extension Kernels {
    /// The codewords of a row's symbols, in units of the step for octant codes.
    package func decode(
        _ symbols: Span<UInt8>, with codebook: Codebook, into y: inout [Float], at place: Range<Int>
    ) {
        let columns = place.count
        precondition(symbols.count == Self.byteCount(codebook, columns: columns))
        unsafe symbols.withUnsafeBufferPointer { bytes in
            unsafe Self.withPart(&y, place) { y in
                switch codebook.family {
                case .free:
                    unsafe table.free_decode(bytes.baseAddress, columns, codebook.points, UInt32(codebook.rate), y)
                case .octant:
                    unsafe table.octant_decode(bytes.baseAddress, columns, codebook.magnitudes, UInt32(codebook.rate), y)
                }
            }
        }
    }

    // MARK: - Whole rows

    /// Decodes whole rows: `factors[i]` is the gain of row i times the codewords' unit.
    package func dequantize(
        _ symbols: RawSpan, with tables: PairTables, factors: [Float], into weights: inout MutableSpan<Float>, at start: Int
    ) {
        precondition(symbols.byteCount == factors.count * tables.symbolBytes)
        precondition(start >= 0 && start + factors.count * tables.rotation.columns <= weights.count)
        unsafe Self.withCode(tables) { code in
            unsafe symbols.withUnsafeBytes { bytes in
                unsafe weights.withUnsafeMutableBufferPointer { weights in
                    unsafe withUnsafePointer(to: table) { table in
                        unsafe table.pointee.dequantize(
                            table, code, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), factors, factors.count,
                            weights.baseAddress.map { unsafe $0 + start })
                    }
                }
            }
        }
    }

    // MARK: - Products

    /// The points of a free codebook as int16, and their unit.
    package static func fixPoints(_ codebook: Codebook) -> (unit: Float, points: [Int16]) {
        var fixed = [Int16](repeating: 0, count: codebook.points.count)
        let unit = unsafe qam_fix_points(codebook.points, codebook.count, &fixed)
        return (unit, fixed)
    }

    /// Prepares consecutive vectors of `tables.rotation.columns`.
    func prepare(_ vectors: [Float], for tables: PairTables) -> (values: [Int8], scales: [Float]) {
        let columns = tables.rotation.columns, count = vectors.count / columns
        let valueBytes = qam_activation_bytes(columns), scaleCount = Self.activationBlocks(columns)
        var values = [Int8](repeating: 0, count: count * valueBytes)
        var scales = [Float](repeating: 0, count: count * scaleCount)
        var vectors = vectors
        unsafe Self.withCode(tables) { code in
            unsafe values.withUnsafeMutableBufferPointer { values in
                unsafe scales.withUnsafeMutableBufferPointer { scales in
                    unsafe vectors.withUnsafeMutableBufferPointer { vectors in
                        guard let x = vectors.baseAddress, let v = values.baseAddress, let s = scales.baseAddress else { return }
                        unsafe withUnsafePointer(to: table) { table in
                            for t in 0..<count {
                                let target = unsafe qam_activation(values: v + t * valueBytes, scales: s + t * scaleCount)
                                unsafe table.pointee.prepare(table, code, x + t * columns, target)
                            }
                        }
                    }
                }
            }
        }
        return (values, scales)
    }

    /// The products of rows and prepared vectors: `out[t * rowsApart + i]`, for which `out` must have room.
    package func multiply(
        _ product: PairProduct, _ activations: Activations, symbols: RawSpan, factors: Span<Float>,
        into out: UnsafeMutablePointer<Float>, rowsApart: Int
    ) {
        let columns = product.tables.rotation.columns
        precondition(symbols.byteCount == factors.count * product.tables.symbolBytes)
        let valueBytes = qam_activation_bytes(columns), scaleCount = Self.activationBlocks(columns)
        precondition(activations.values.count == activations.count * valueBytes)
        precondition(activations.scales.count == activations.count * scaleCount)
        unsafe Self.withCode(product.tables) { code in
            unsafe activations.values.withUnsafeBufferPointer { values in
                unsafe activations.scales.withUnsafeBufferPointer { scales in
                    // The kernels only read them.
                    let v = unsafe UnsafeMutablePointer(mutating: values.baseAddress)
                    let s = unsafe UnsafeMutablePointer(mutating: scales.baseAddress)
                    let prepared = unsafe (0..<activations.count).map { t in
                        unsafe qam_activation(
                            values: v.map { unsafe $0 + t * valueBytes }, scales: s.map { unsafe $0 + t * scaleCount })
                    }
                    unsafe symbols.withUnsafeBytes { bytes in
                        unsafe factors.withUnsafeBufferPointer { factors in
                            unsafe table.multiply(
                                code, product.fixedPoints, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
                                factors.baseAddress, factors.count, prepared, prepared.count, out, rowsApart)
                        }
                    }
                }
            }
        }
    }

    /// Blocks of activations that share a scale.
    private static func activationBlocks(_ columns: Int) -> Int {
        let block = Int(QAM_ACTIVATION_BLOCK)
        return (columns + block - 1) / block
    }

    private static func withCode(_ tables: PairTables, _ body: (UnsafePointer<qam_code>) -> Void) {
        let codebook = tables.codebook, rotation = tables.rotation
        precondition(tables.channelScales.map { $0.count == rotation.columns } ?? true)
        unsafe rotation.signs.withUnsafeBufferPointer { signs in
            unsafe codebook.points.withUnsafeBufferPointer { points in
                unsafe codebook.magnitudes.withUnsafeBufferPointer { magnitudes in
                    unsafe Self.withOptional(tables.channelScales) { scales in
                        var code = unsafe qam_code(
                            family: codebook.family == .free ? QAM_FREE : QAM_OCTANT, rate: UInt32(codebook.rate),
                            columns: rotation.columns, block: rotation.blockSize, signs: signs.baseAddress, channel_scales: scales,
                            points: points.baseAddress, magnitudes: magnitudes.baseAddress)
                        unsafe body(&code)
                    }
                }
            }
        }
    }

    package static func byteCount(_ codebook: Codebook, columns: Int) -> Int {
        qam_row_bytes(codebook.family == .octant ? QAM_OCTANT : QAM_FREE, UInt32(codebook.rate), columns)
    }
}
