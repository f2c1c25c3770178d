#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif
internal import Synchronization

/// Threads for short pieces of work, such as one matrix-vector product: tens of microseconds, for which starting a task would cost as much
/// as the work.
///
/// After each run the threads spin for about ten microseconds, then sleep. A pool may be used from many threads; runs are serialised.
/// `deinit` ends the threads.
public final class WorkerPool: Sendable {
    /// The number of online processors, at least 1.
    public static var coreCount: Int { max(1, Int(sysconf(CInt(_SC_NPROCESSORS_ONLN)))) }

    /// The number of threads that share a run, including the caller's.
    public let width: Int
    private let shared: Shared
    private let threads: [pthread_t]

    /// - Parameter width: 1 or more; 1 starts no thread.
    /// - Throws: `QAMError.io` if a thread cannot be started.
    public init(width: Int) throws {
        self.width = max(1, width)
        let shared = Shared()
        self.shared = shared
        var threads: [pthread_t] = []
        for _ in 1..<max(1, width) {
            #if canImport(Darwin)
                var thread: pthread_t?
            #else
                var thread = pthread_t()
            #endif
            let argument = unsafe Unmanaged.passRetained(shared).toOpaque()
            let status = unsafe pthread_create(&thread, nil, workerMain, argument)
            guard status == 0 else {
                unsafe Unmanaged<Shared>.fromOpaque(argument).release()
                shared.stop(threads)
                throw QAMError(.io, "cannot start a thread: \(unsafe String(cString: strerror(status)))")
            }
            #if canImport(Darwin)
                if let thread { threads.append(thread) }
            #else
                threads.append(thread)
            #endif
        }
        self.threads = threads
    }

    deinit { shared.stop(threads) }

    /// Splits `range` into pieces of `grain` (the last may be shorter) and calls `body` once for each, concurrently on all threads of the
    /// pool. Returns when all are done. Pieces are claimed in ascending order.
    public func forEach(_ range: Range<Int>, grain: Int, _ body: (Range<Int>) -> Void) {
        let next = Atomic(range.lowerBound)
        func work() {
            while true {
                let start = next.add(grain, ordering: .relaxed).oldValue
                guard start < range.upperBound else { return }
                body(start..<min(start + grain, range.upperBound))
            }
        }
        guard width > 1, range.count > grain else { return work() }
        withoutActuallyEscaping(work) { shared.run($0, helpers: width - 1) }
    }
}

/// State shared by the threads of a pool.
@safe private final class Shared: Sendable {
    /// The run counter: a new value signals work. Reading it acquires the writes before it.
    private let generation = Atomic<UInt64>(0)
    private let isStopping = Atomic<Bool>(false)
    /// Threads that have not finished the run.
    private let pending = Atomic<Int>(0)
    /// Serialises runs.
    private let exclusive = Mutex<Void>(())
    /// The work of the run: written before `generation` is incremented, and after `pending` shows that nobody reads it.
    private nonisolated(unsafe) var work: (() -> Void)?
    /// Threads that wait on `wake`. Guarded by the mutex.
    private nonisolated(unsafe) var sleepers = 0
    private nonisolated(unsafe) let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private nonisolated(unsafe) let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    /// The number of polls before a thread sleeps.
    private static let patience = 20_000

    init() {
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(wake, nil)
    }

    deinit {
        unsafe pthread_cond_destroy(wake)
        unsafe pthread_mutex_destroy(mutex)
        unsafe wake.deallocate()
        unsafe mutex.deallocate()
    }

    func run(_ work: @escaping () -> Void, helpers: Int) {
        exclusive.withLock { _ in
            pending.store(helpers, ordering: .relaxed)
            announce { unsafe self.work = work }
            work()
            // The other threads are about to finish; with fewer cores than threads they need this core.
            var looks = 0
            while pending.load(ordering: .acquiring) > 0 {
                looks += 1
                if looks > Self.patience { sched_yield() }
            }
            unsafe self.work = nil
        }
    }

    func stop(_ threads: [pthread_t]) {
        announce { isStopping.store(true, ordering: .relaxed) }
        for thread in threads { pthread_join(thread, nil) }
    }

    private func announce(_ change: () -> Void) {
        unsafe pthread_mutex_lock(mutex)
        change()
        generation.add(1, ordering: .releasing)
        let isAnyAsleep = unsafe sleepers > 0
        unsafe pthread_mutex_unlock(mutex)
        if isAnyAsleep { unsafe pthread_cond_broadcast(wake) }
    }

    /// The main loop of a thread.
    func serve() {
        var seen: UInt64 = 0
        while true {
            wait(beyond: seen)
            seen += 1
            if isStopping.load(ordering: .relaxed) { return }
            if let work = unsafe work { work() }
            pending.subtract(1, ordering: .releasing)
        }
    }

    private func wait(beyond seen: UInt64) {
        for _ in 0..<Self.patience where generation.load(ordering: .acquiring) != seen { return }
        unsafe pthread_mutex_lock(mutex)
        unsafe sleepers += 1
        while generation.load(ordering: .acquiring) == seen { unsafe pthread_cond_wait(wake, mutex) }
        unsafe sleepers -= 1
        unsafe pthread_mutex_unlock(mutex)
    }
}

#if canImport(Darwin)
    private func workerMain(_ argument: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
        unsafe Unmanaged<Shared>.fromOpaque(argument).takeRetainedValue().serve()
        return nil
    }
#else
    private func workerMain(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        if let argument = unsafe argument { unsafe Unmanaged<Shared>.fromOpaque(argument).takeRetainedValue().serve() }
        return nil
    }
#endif
