import Converters
import QAMFormat
import Testing

/// Tensors that are put together from elements of others.
@Suite struct AssemblyTests {
    typealias Piece = AssemblingSource.Piece
    typealias Segment = AssemblingSource.Segment

    /// Two matrices of 2 x 3 numbers: 0 to 5, and 10 to 15.
    private static func base() throws -> MemorySource {
        var source = MemorySource()
        for first in [0, 10] { source.add("m\(first)", [2, 3], .f32, try ElementConversion.bytes((0..<6).map { Float(first + $0) }, as: .f32)) }
        return source
    }

    private static func values(_ shape: [Int], _ pieces: Piece...) throws -> [Double] {
        let source = try AssemblingSource(base(), [.init(TensorDescriptor(name: "t", shape: shape, storage: .raw(.f32)), pieces)])
        #expect(try source.values("m10") == [10, 11, 12, 13, 14, 15])
        let whole = try source.values("t")
        // Any range of elements.
        for start in whole.indices {
            for end in start + 1...whole.count {
                let bytes = try source.read(4 * start..<4 * end, of: 2).streams[0]
                #expect(try ElementConversion.doubles(bytes, as: .f32) == Array(whole[start..<end]))
            }
        }
        return whole
    }

    @Test func matricesAreStacked() throws {
        let segments = [0, 1].map { Segment(tensor: $0, start: 0, count: 1, strides: [0, 1]) }
        #expect(try Self.values([2, 2, 3], Piece([2, 6], segments)) == [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15])
    }

    @Test func axesAreExchanged() throws {
        #expect(try Self.values([3, 2], Piece([3, 2], [Segment(tensor: 0, start: 0, count: 3, strides: [1, 3])])) == [0, 3, 1, 4, 2, 5])
    }

    @Test func partsAreTakenAndPutTogether() throws {
        #expect(try Self.values([2, 1], Piece([2, 1], [Segment(tensor: 1, start: 2, count: 2, strides: [3, 1])])) == [12, 15])
        // Columns of two matrices that alternate.
        let segments = [0, 1].map { Segment(tensor: $0, start: 0, count: 1, strides: [3, 1, 0]) }
        #expect(try Self.values([2, 6], Piece([2, 3, 2], dividing: 2, segments)) == [0, 10, 1, 11, 2, 12, 3, 13, 4, 14, 5, 15])
        // Of different numbers.
        let unequal = [Segment(tensor: 0, start: 0, count: 2, strides: [3, 1]), Segment(tensor: 1, start: 2, count: 1, strides: [3, 1])]
        #expect(try Self.values([2, 3], Piece([2, 3], dividing: 1, unequal)) == [0, 1, 12, 3, 4, 15])
    }

    @Test func piecesFollowEachOther() throws {
        let second = Piece([1, 3], [Segment(tensor: 1, start: 3, count: 1, strides: [3, 1])])
        let first = Piece([1, 3], [Segment(tensor: 0, start: 0, count: 1, strides: [3, 1])])
        #expect(try Self.values([2, 3], second, first) == [13, 14, 15, 0, 1, 2])
    }

    @Test func blocksStayWhole() throws {
        var source = MemorySource()
        let bytes = (0..<4 * 34).map { UInt8($0) }
        source.add("q", [2, 64], .q8_0, bytes)
        let descriptor = TensorDescriptor(name: "t", shape: [1, 64], storage: .raw(.q8_0))
        let row = Piece([1, 64], [Segment(tensor: 0, start: 64, count: 1, strides: [64, 1])])
        let second = try AssemblingSource(source, [.init(descriptor, [row])])
        #expect(try payload(second, 1)[0] == Array(bytes[68...]))
        let base = source
        for torn in [
            Piece([1, 64], [Segment(tensor: 0, start: 16, count: 1, strides: [64, 1])]),
            Piece([32, 2], [Segment(tensor: 0, start: 0, count: 32, strides: [1, 64])]),
        ] {
            let error = #expect(throws: QAMError.self) { try AssemblingSource(base, [.init(descriptor, [torn])]) }
            #expect(error?.code == .malformed && error?.place.tensor == "t")
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let base = try Self.base()
        let fitting = Piece([2, 3], [Segment(tensor: 0, start: 0, count: 2, strides: [3, 1])])
        func refuse(_ descriptor: TensorDescriptor, _ pieces: [Piece]) {
            #expect(throws: QAMError.self) { try AssemblingSource(base, [.init(descriptor, pieces)]) }
        }
        refuse(TensorDescriptor(name: "t", shape: [2, 3], storage: .raw(.f16)), [fitting])
        refuse(TensorDescriptor(name: "t", shape: [3, 3], storage: .raw(.f32)), [fitting])
        refuse(TensorDescriptor(name: "t", shape: [2, 3], storage: .alias(of: 0)), [fitting])
        let descriptor = TensorDescriptor(name: "t", shape: [2, 3], storage: .raw(.f32))
        refuse(descriptor, [Piece([2, 3], [Segment(tensor: 0, start: 1, count: 2, strides: [3, 1])])])
        refuse(descriptor, [Piece([2, 3], [Segment(tensor: 0, start: 0, count: 1, strides: [3, 1])])])
    }
}
