<?php

declare(strict_types=1);

namespace Fantail\MessageBroker;

use Fantail\FantailException;

/** The server says no, and why: it rejects the user, or did not take a message. */
final class RefusedException extends \RuntimeException implements FantailException
{
}
