//! Makes way for others: for work beside a running engine.

/// Lets every other process go first, on the processor and on the disk, where the system can. Where
/// there is too little memory, this process is ended first.
#[cfg(target_os = "linux")]
pub(super) fn lower() {
    const LOWEST_NICE: libc::c_int = 19;
    const IOPRIO_WHO_PROCESS: libc::c_int = 1;
    const IOPRIO_CLASS_IDLE: libc::c_int = 3;
    const IOPRIO_CLASS_SHIFT: libc::c_int = 13;
    // A system that does not have it chooses by itself.
    drop(std::fs::write("/proc/self/oom_score_adj", "1000"));
    // SAFETY: no memory is passed; 0 means this process.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, LOWEST_NICE) };
    let idle = IOPRIO_CLASS_IDLE << IOPRIO_CLASS_SHIFT;
    // SAFETY: no memory is passed; 0 means this process. A kernel without the call says so.
    unsafe { libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, idle) };
}

/// Other systems have their own ways.
#[cfg(not(target_os = "linux"))]
pub(super) fn lower() {}
