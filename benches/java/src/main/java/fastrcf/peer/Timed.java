package fastrcf.peer;

/**
 * One piece of work.
 *
 * @param wall nanoseconds on the wall
 * @param cpu nanoseconds of the one thread that works
 * @param answer scores, or parts of them by column; empty for works that give none
 */
record Timed(long wall, long cpu, double[] answer) {
    String said() {
        return "ok\t" + wall + "\t" + cpu;
    }
}
