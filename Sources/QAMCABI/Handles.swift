import QAMFormat

// Handles are objects of this module owned by C: each is retained once until it is released.

@unsafe func handle(_ object: some AnyObject) -> OpaquePointer {
    unsafe OpaquePointer(Unmanaged.passRetained(object).toOpaque())
}

/// The object behind a handle. Throws `invalidArgument` for NULL.
@unsafe func object<Object: AnyObject>(_ handle: OpaquePointer?, _ name: String, as type: Object.Type = Object.self) throws -> Object {
    guard let handle = unsafe handle else { throw QAMError.missing(name) }
    return unsafe Unmanaged<Object>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
}

@unsafe func release<Object: AnyObject>(_ handle: OpaquePointer?, as type: Object.Type) {
    guard let handle = unsafe handle else { return }
    unsafe Unmanaged<Object>.fromOpaque(UnsafeRawPointer(handle)).release()
}

/// Stores the handle of the object that `make` returns, or NULL if it throws.
@unsafe func storeHandle(
    in place: UnsafeMutablePointer<OpaquePointer?>?, _ name: String, _ make: () throws -> some AnyObject
) throws {
    guard let place = unsafe place else { throw QAMError.missing(name) }
    unsafe place.pointee = nil
    unsafe place.pointee = try handle(make())
}
