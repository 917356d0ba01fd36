<?php

declare(strict_types=1);

namespace Fantail\MessageBroker;

/** What became of a message that was sent. */
final class Confirmation
{
    /**
     * @param list<int> $ids       the numbers of its elements in the server's store; empty if it
     *                             did not go there
     * @param int       $kept      how many elements are kept, because nobody is there
     * @param int       $receivers how many receivers are there, and are being sent it
     * @param bool      $repeated  it was taken before, under the same id of yours
     */
    private function __construct(
        public readonly array $ids,
        public readonly int $kept,
        public readonly int $receivers,
        public readonly bool $repeated,
    ) {
    }

    /**
     * @internal
     *
     * @param array<string, mixed> $answer
     * @throws RefusedException if it says no
     */
    public static function of(array $answer): self
    {
        if (($answer['response_code'] ?? null) !== '00') {
            $reason = $answer['reason'] ?? null;
            throw new RefusedException(is_string($reason) ? $reason : 'The server says no.');
        }
        $ids = $answer['ids'] ?? [];
        return new self(
            is_array($ids) ? array_values(array_filter($ids, is_int(...))) : [],
            (int) ($answer['kept'] ?? 0),
            (int) ($answer['receivers'] ?? 0),
            ($answer['repeated'] ?? false) === true,
        );
    }
}
