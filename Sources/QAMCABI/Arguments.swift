import CQAMW
import QAMFormat

// Checked arguments from C.

/// Throws `invalidArgument` if `pointer` is NULL or misaligned.
@unsafe func required<Pointee>(_ pointer: UnsafePointer<Pointee>?, _ name: String) throws -> UnsafePointer<Pointee> {
    guard let pointer = unsafe pointer else { throw QAMError.missing(name) }
    try checkAlignment(UInt(bitPattern: pointer), of: Pointee.self, name)
    return unsafe pointer
}

/// Throws `invalidArgument` if `pointer` is NULL or misaligned.
@unsafe func required<Pointee>(_ pointer: UnsafeMutablePointer<Pointee>?, _ name: String) throws -> UnsafeMutablePointer<Pointee> {
    guard let pointer = unsafe pointer else { throw QAMError.missing(name) }
    try checkAlignment(UInt(bitPattern: pointer), of: Pointee.self, name)
    return unsafe pointer
}

func checkAlignment<Pointee>(_ address: UInt, of type: Pointee.Type, _ name: String) throws {
    guard address % UInt(MemoryLayout<Pointee>.alignment) == 0 else {
        throw QAMError(.invalidArgument, "\(name) is not aligned to \(MemoryLayout<Pointee>.alignment) bytes")
    }
}

@unsafe func text(_ pointer: UnsafePointer<CChar>?, _ name: String) throws -> String {
    unsafe String(cString: try required(pointer, name))
}

/// The text; nil for NULL.
@unsafe func optionalText(_ pointer: UnsafePointer<CChar>?) -> String? { unsafe pointer.map { unsafe String(cString: $0) } }

/// An array of texts.
@unsafe func texts(_ pointer: UnsafePointer<UnsafePointer<CChar>?>?, _ count: UInt64, _ name: String) throws -> [String] {
    guard count > 0 else { return [] }
    // More are no list of rules, but a count that was not set.
    guard count <= 1 << 20 else { throw QAMError(.invalidArgument, "\(count) are too many for \(name)") }
    let array = unsafe UnsafeBufferPointer(start: try required(pointer, name), count: Int(count))
    return try unsafe array.map { try unsafe text($0, name) }
}

/// The case with this raw value; nil for NULL. Throws `invalidArgument` if there is none.
@unsafe func choice<Value: RawRepresentable<String> & CaseIterable>(_ pointer: UnsafePointer<CChar>?, _ name: String) throws -> Value? {
    guard let text = unsafe optionalText(pointer) else { return nil }
    guard let value = Value(rawValue: text) else {
        let known = Value.allCases.map(\.rawValue).joined(separator: ", ")
        throw QAMError(.invalidArgument, "unknown \(name) \"\(text)\"; known are \(known)")
    }
    return value
}

/// The range first ..< first + count of `whole`. Throws `invalidArgument` if it is out of range.
func range(_ first: UInt64, _ count: UInt64, of whole: Int, _ what: String) throws -> Range<Int> {
    guard first <= UInt64(whole), count <= UInt64(whole) - first else {
        throw QAMError(.invalidArgument, "\(count) \(what) from \(first) on are out of range: there are \(whole)")
    }
    return Int(first)..<Int(first + count)
}

extension Array {
    /// Checks an index from C. Throws `invalidArgument` if it is out of range.
    func checkedIndex(_ index: UInt64, _ what: String) throws -> Int {
        guard index < UInt64(count) else { throw QAMError(.invalidArgument, "there is no \(what) \(index)") }
        return Int(index)
    }
}

/// The number of threads: 0 means one per processor.
func threadCount(_ count: UInt32) throws -> Int {
    guard count <= 1024 else { throw QAMError(.invalidArgument, "\(count) threads exceed the maximum of 1024") }
    return count == 0 ? WorkerPool.coreCount : Int(count)
}

/// A versioned struct that grows at its end and begins with its size as the caller knows it.
protocol SizedStruct {
    init()
    var size: UInt32 { get set }
}

extension qamw_options: SizedStruct {}
extension qamw_info: SizedStruct {}
extension qamw_tensor: @unsafe SizedStruct {}
extension qamw_metadata: @unsafe SizedStruct {}
extension qamw_embedded: @unsafe SizedStruct {}
extension qamw_quantize_options: @unsafe SizedStruct {}
extension qamw_quantize_report: SizedStruct {}

/// Stores the members that the caller knows, and zeros for those that only the caller knows.
@unsafe func store<Value: SizedStruct>(_ value: Value, in place: UnsafeMutablePointer<Value>?, _ name: String) throws {
    let place = try unsafe required(place, name)
    var value = value
    value.size = unsafe place.pointee.size
    guard value.size >= UInt32(MemoryLayout<UInt32>.size) else { throw QAMError(.invalidArgument, "the size of \(name) is not set") }
    let target = unsafe UnsafeMutableRawBufferPointer(start: place, count: Int(value.size))
    unsafe withUnsafeBytes(of: value) { known in
        let count = min(known.count, target.count)
        unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: known[..<count]))
        for index in count..<target.count { unsafe target[index] = 0 }
    }
}

/// The caller's struct; members that the caller does not know are 0. Throws `invalidArgument` for nonzero members that this version does
/// not know.
@unsafe func load<Value: SizedStruct>(_ place: UnsafePointer<Value>?, _ name: String) throws -> Value {
    var value = Value()
    guard unsafe place != nil else { return value }
    let place = try unsafe required(place, name)
    let given = unsafe UnsafeRawBufferPointer(start: place, count: Int(place.pointee.size))
    guard given.count >= MemoryLayout<UInt32>.size else { throw QAMError(.invalidArgument, "the size of \(name) is not set") }
    let count = min(given.count, MemoryLayout<Value>.size)
    guard unsafe given[count...].allSatisfy({ $0 == 0 }) else {
        throw QAMError(.invalidArgument, "\(name) has members that this version does not know")
    }
    unsafe withUnsafeMutableBytes(of: &value) { unsafe $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: given[..<count])) }
    return value
}
